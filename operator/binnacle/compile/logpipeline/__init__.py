"""What a LogPipeline means."""

from binnacle.compile.logpipeline.compile import compile_logpipeline

__all__ = ["compile_logpipeline"]
