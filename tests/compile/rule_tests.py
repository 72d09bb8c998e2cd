"""promtool's rule tests as values: what series are fed and what must come of them.

promtool evaluates every group each `evaluation_interval` and does not know a group's own interval, so here Prometheus
scrapes and evaluates each five minutes: then increments are taken once in each step, as they are in a real Prometheus.
What depends on finer clocks is tested in a real one (tests/stack).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STEP = 5
"""Minutes between two scrapes, two evaluations, two increments."""
CLOCKS = {"scrapeInterval": "5m", "evaluationInterval": "5m"}
"""The configuration that this stands for."""

LEAD_IN = 3
"""Samples before the first growth: a counter's first sample counts for nothing."""

Promtool = Callable[..., "subprocess.CompletedProcess[str]"]


def steps(*, days: float = 0, hours: float = 0, minutes: float = 0) -> int:
    """How many steps a time is."""
    return round((days * 1440 + hours * 60 + minutes) / STEP)


def counter(growth: Iterable[float], *, start: float = 1e9, resets: Iterable[int] = ()) -> list[float]:
    """The samples of a counter that grows by these amounts, one for each step, after a lead-in.

    At the steps in `resets` it begins again at zero, with that step's growth. It starts high, as the counters of a
    service that has run for long: near zero `rate` extrapolates less.
    """
    at = frozenset(resets)
    samples = [start] * LEAD_IN
    value = start
    for number, amount in enumerate(growth):
        value = amount if number in at else value + amount
        samples.append(value)
    return samples


@dataclass(frozen=True)
class Expect:
    """At `step` (counted without the lead-in), `expr` is `values`: value by label pairs."""

    step: int
    expr: str
    values: dict[tuple[tuple[str, str], ...], float]

    @classmethod
    def one(cls, step: int, expr: str, value: float) -> Expect:
        return cls(step, expr, {(): value})

    @classmethod
    def near(cls, step: int, expr: str, value: float, tolerance: float = 1e-9) -> Expect:
        """The only value of `expr` is `value`, as nearly as floats are."""
        return cls(step, f"count(abs(({expr}) - {value!r}) <= {tolerance!r})", {(): 1})

    @classmethod
    def nothing(cls, step: int, expr: str) -> Expect:
        return cls(step, expr, {})

    @classmethod
    def firing(cls, step: int, *alerts: str | dict[str, str]) -> Expect:
        """Exactly these alerts fire, by severity or by labels."""
        wanted = [alert if isinstance(alert, dict) else {"severity": alert} for alert in alerts]
        names = sorted({name for alert in wanted for name in alert} | {"severity"})
        expr = f"count by ({', '.join(names)}) (ALERTS{{alertstate='firing'}})"
        return cls(step, expr, {tuple(sorted(alert.items())): 1 for alert in wanted})


@dataclass(frozen=True)
class AlertExpect:
    """At `step`, exactly one alert of this name fires, with these labels and annotations."""

    step: int
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class Scenario:
    """Series by their notation, and what is expected."""

    name: str
    series: dict[str, Sequence[float | str]]
    expects: tuple[Expect, ...]
    alerts: tuple[AlertExpect, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "interval": f"{STEP}m",
            "input_series": [
                {"series": name, "values": " ".join(str(sample) for sample in samples)}
                for name, samples in self.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": expect.expr,
                    "eval_time": _time(expect.step),
                    "exp_samples": [
                        {
                            "labels": "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}",
                            "value": value,
                        }
                        for labels, value in expect.values.items()
                    ],
                }
                for expect in self.expects
            ],
            "alert_rule_test": [
                {
                    "eval_time": _time(alert.step),
                    "alertname": alert.name,
                    "exp_alerts": [{"exp_labels": alert.labels, "exp_annotations": alert.annotations}],
                }
                for alert in self.alerts
            ],
        }


def _time(step: int) -> str:
    return f"{(step + LEAD_IN - 1) * STEP}m"


def run(
    promtool: Promtool, folder: Path, rules: Sequence[str], scenarios: Sequence[Scenario]
) -> subprocess.CompletedProcess[str]:
    """Run scenarios against rule files; the result's code is 0 when all held."""
    names, groups = [], []
    for number, text in enumerate(rules):
        (folder / f"rules-{number}.yaml").write_text(text)
        names.append(f"rules-{number}.yaml")
        groups += [group["name"] for group in yaml.load(text, yaml.CSafeLoader)["groups"]]
    document = {
        "rule_files": names,
        "evaluation_interval": f"{STEP}m",
        # What reads comes after what it reads: a sample of the step before is just too old for Prometheus 3.
        "group_eval_order": sorted(groups, key=readers_last),
        "tests": [scenario.document() for scenario in scenarios],
    }
    (folder / "test.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, width=1_000_000))
    return promtool("test", "rules", "test.yaml", cwd=folder, check=False)


def readers_last(group: str) -> int:
    """A key to sort our groups by, so that what reads comes after what it reads."""
    order = ("increments", "period", "long")
    return order.index(part) if (part := group.split(".")[3]) in order else len(order)


def assert_holds(promtool: Promtool, folder: Path, rules: Sequence[str], scenarios: Sequence[Scenario]) -> None:
    ended = run(promtool, folder, rules, scenarios)
    assert ended.returncode == 0, ended.stdout + ended.stderr
