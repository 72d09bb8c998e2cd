"""Benchmarks: how fast and how large Binnacle is, as ratios against something measured in the same run.

Machines differ and are noisy; a ratio of two figures taken side by side says more than either of them. Run them with
``make bench`` or ``python -m bench --help``; ``docs/performance.md`` holds figures with the machine they come from.
"""
