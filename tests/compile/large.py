"""Resources of about 1.4 MB, which is what etcd takes in one request by default: one of each kind that can be so large."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from binnacle.api.reasons import Reason
from binnacle.targets import conventions

Object = dict[str, Any]

SIZE = 1_400_000
"""Characters of a resource as JSON, at the most."""
_LONG = "x" * 120
_SUM = " + ".join(f'a{{b="{number}{_LONG}"}}' for number in range(28))
"""PromQL of nearly 4 KiB."""
_TEXT = "y" * 4000


def large(kind: str, namespace: str, name: str) -> Object:
    """The resource of this kind with as many members as fit."""
    spec = SPECS[kind](SIZE)
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": conventions.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _twice(size: int) -> int:
    """Room for what the server keeps a second time, in managedFields: the members of lists that are sets."""
    return size * 55 // 100


def _fitting(items: Iterator[Object], room: int) -> list[Object]:
    taken = []
    for item in items:
        room -= len(json.dumps(item)) + 2
        if room < 0:
            break
        taken.append(item)
    return taken


def _dashboard(size: int) -> Object:
    def panels(row: int) -> Iterator[Object]:
        for number in range(32):
            name = f"p{row}-{number}"
            if number % 2:
                yield {"name": name, "type": "text", "content": _TEXT}
            else:
                queries = [{"name": f"q{query}", "promql": _SUM} for query in range(2)]
                yield {"name": name, "title": name, "type": "timeseries", "queries": queries}

    rows = (
        {"name": f"r{row}", "title": f"Row {row}", "panels": _fitting(panels(row), size // 24)} for row in range(24)
    )
    return {"title": "Large", "rows": _fitting(rows, size)}


def _alert_policy(size: int) -> Object:
    rules = (
        {
            "name": f"Rule{number}",
            "expression": {"promql": f"({_SUM}) > {number}"},
            "severity": "warning",
            "summary": "Large",
            "description": _TEXT,
            "annotations": {"first": _TEXT, "second": _TEXT[:1500]},
            "runbook": {"url": "https://runbooks.example/large"},
        }
        for number in range(100)
    )
    return {"rules": _fitting(rules, size)}


def _metric_set(size: int) -> Object:
    metrics = (
        {
            "name": f"metric_{number}_total",
            "type": "counter",
            "labelNames": [f"label_{label}_{_LONG}"[:128] for label in range(32)],
        }
        for number in range(250)
    )
    recording = (
        {"name": f"r{number}", "record": f"large:r{number}:sum", "promql": f"sum({_SUM})"} for number in range(100)
    )
    taken = _fitting(metrics, _twice(size) * 3 // 4)
    left = _twice(size) - len(json.dumps(taken))
    return {
        "target": {"selector": {"matchLabels": {"app": "large"}}, "port": "metrics"},
        "metrics": taken,
        "scrape": [{"name": "large"}],
        "recording": _fitting(recording, left),
    }


def _log_pipeline(size: int) -> Object:
    stages = (
        {
            "name": f"s{stage}",
            "redact": {
                "patterns": [
                    {"name": f"p{stage}-{one}", "regex": f"\\b{stage}-{one}-{'z' * 1000}\\b"} for one in range(32)
                ]
            },
        }
        for stage in range(32)
    )
    return {
        "inputs": [{"name": "large", "containers": {"pods": ["large-*"]}}],
        "stages": _fitting(stages, size),
        "outputs": [{"name": "loki", "loki": {}}],
    }


SPECS: dict[str, Callable[[int], Object]] = {
    "AlertPolicy": _alert_policy,
    "Dashboard": _dashboard,
    "LogPipeline": _log_pipeline,
    "MetricSet": _metric_set,
}

OUTCOMES = {
    "AlertPolicy": Reason.OUTPUT_TOO_LARGE,
    "Dashboard": Reason.OUTPUT_TOO_LARGE,
    "LogPipeline": Reason.SLOW_PATTERN,
    "MetricSet": None,
}
"""What becomes of each: the reason why it is refused, or None."""
