"""Proofs and lints over intents and rendered output."""
