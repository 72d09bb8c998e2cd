"""The indicators of the API, one module for each: what it reads, and what of that is bad."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.slo_indicators import Indicator
from binnacle.compile.contract import Contract
from binnacle.compile.slo.indicator import Counted, Reader
from binnacle.compile.slo.indicators import (
    availability,
    expression,
    freshness,
    latency,
    ratio,
    threshold,
    windowed,
)
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing

_READERS: Final[Mapping[str, Callable[[Any, Reader], Counted | None]]] = {
    "ratio": ratio.counted,
    "latency": latency.counted,
    "availability": availability.counted,
    "threshold": threshold.counted,
    "freshness": freshness.counted,
    "windowed": windowed.counted,
    "expression": expression.counted,
}


def read(
    indicator: Indicator, subject: Subject, contract: Contract, timing: Timing
) -> tuple[Counted | None, list[Finding]]:
    """Return what an indicator counts by the groups of an SLO, or None, and the findings about it.

    Args:
        indicator: as it was written.
        subject: the SLO; its namespace is where a probe is looked for.
        contract: what is declared there, which says how a histogram is stored where the indicator does not.
        timing: how often is scraped.
    """
    member, given = next((name, value) for name in Indicator.one_of if (value := getattr(indicator, name)) is not None)
    reader = Reader(f"spec.indicator.{member}", subject.namespace, subject.groups, contract, timing)
    counted = _READERS[member](given, reader)
    refused = any(one.severity is Severity.ERROR for one in reader.findings)
    return None if refused else counted, reader.findings
