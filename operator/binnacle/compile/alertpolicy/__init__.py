"""The AlertPolicy kind compiled: rules for Prometheus, and receivers, routes and times for Alertmanager."""

from binnacle.compile.alertpolicy.compile import compile_alertpolicy

__all__ = ["compile_alertpolicy"]
