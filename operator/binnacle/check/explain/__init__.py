"""What a resource does, in words: one module for each kind, and what they share."""
