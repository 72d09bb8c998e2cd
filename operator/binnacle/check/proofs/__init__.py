"""Proofs: rule tests that are generated for a resource, run by Prometheus' own engine (promtool)."""
