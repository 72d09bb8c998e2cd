"""Replaying history: what rules would have said, had they been loaded all the time that Prometheus has data for."""
