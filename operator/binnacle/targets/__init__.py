"""How a backend spells it: from intents to files and objects, byte for byte the same for the same intents."""
