"""What a resource means: pure functions from a spec and its surroundings to intents and findings."""
