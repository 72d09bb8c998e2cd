"""What a MetricSet means: endpoints, probes and recorded series."""

from binnacle.compile.metricset.compile import compile_metricset

__all__ = ["compile_metricset"]
