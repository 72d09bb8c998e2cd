"""What a Dashboard means: which panels stand where, what they ask, and what is wrong with it."""

from binnacle.compile.dashboard.compile import compile_dashboard

__all__ = ["compile_dashboard"]
