"""What an SLO means: what is recorded, when the burning of the budget raises an alert, and what that costs."""

from binnacle.compile.slo.compile import compile_slo

__all__ = ["compile_slo"]
