"""A Prometheus in memory that evaluates the few forms of query that presence is asked with, on series that a test sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from binnacle.observe.backend import Failure
from binnacle.observe.prometheus import Answered, Outcome, Sample
from binnacle.promql import Node, to_text
from binnacle.promql.nodes import Aggregate, Binary, Call, Matcher, MatchOp, Selector, String


@dataclass
class MemoryPrometheus:
    """`series` is what there is: name and labels -> value."""

    series: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    queries: list[str] = field(default_factory=list)
    address: str = "http://memory"

    def put(self, name: str, value: float = 1, **labels: str) -> None:
        self.series[(("__name__", name), *sorted(labels.items()))] = value

    def drop(self, name: str) -> None:
        self.series = {key: value for key, value in self.series.items() if dict(key)["__name__"] != name}

    def target(self, job: str, *, up: bool = True, series: int = 1) -> None:
        self.put("up", float(up), job=job, instance="a")
        self.put("scrape_samples_post_metric_relabeling", series if up else 0, job=job, instance="a")

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Outcome:
        self.queries.append(to_text(expression))
        if self.failure is not None:
            return self.failure
        if isinstance(expression, Aggregate) and expression.op == "max":
            for job, at in self.last.items():
                take(Sample({"job": job}, at))
            return Answered()
        for sample in self._vector(expression):
            take(sample)
        return Answered(self.warnings)

    async def scrape_errors(self, jobs: Container[str], pool: str | None = None) -> Mapping[str, str]:
        return {job: error for job, error in self.errors.items() if job in jobs}

    def _vector(self, node: Node) -> list[Sample]:
        match node:
            case Selector(_, matchers):
                return [
                    Sample(dict(key), value)
                    for key, value in self.series.items()
                    if all(_fits(matcher, dict(key)) for matcher in matchers)
                ]
            case Aggregate("group", inner, _, grouping):
                assert grouping is not None
                groups = {
                    tuple((label, one.labels[label]) for label in grouping.labels if label in one.labels)
                    for one in self._vector(inner)
                }
                return [Sample(dict(group), 1) for group in sorted(groups)]
            case Binary("or", left, right):
                return [*self._vector(left), *self._vector(right)]
            case Call("label_replace", (inner, String(label), String(value), _, _)):
                return [Sample({**one.labels, label: value}, one.value) for one in self._vector(inner)]
            case _:
                raise AssertionError(to_text(node))


def _fits(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case MatchOp.REGEX:
            return re.fullmatch(matcher.value, value) is not None
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case _:
            return value == matcher.value
