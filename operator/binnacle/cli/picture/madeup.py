"""Made-up data for a picture: series as a query would bring them, with a story that all panels of a dashboard share.

There is no data where a dashboard is drawn, so what a query says of itself decides: the labels it keeps, the unit, whether it
counts errors, and which quantile it is. Traffic goes up and down alike in all panels, and one incident is seen in errors and
durations at once. The same dashboard gives the same data: what looks random is made of its uid and the ids of its panels.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from binnacle.cli.picture.board import Board, Panel, Target
from binnacle.cli.picture.theme import color

POINTS: Final = 120
"""Of each series."""

_LABEL: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
_BY: Final = re.compile(r"\bby\s*\(([^()]*)\)")
_EQUALS: Final = re.compile(r"""(\w+)\s*=\s*"((?:[^"\\]|\\.)*)\"""")
_MATCHES: Final = re.compile(r"""(\w+)\s*=~\s*"((?:[^"\\]|\\.)*)\"""")
_QUANTILE: Final = re.compile(r"(?:histogram_quantile|quantile_over_time|quantile)\s*\(\s*(0?\.\d+|1|0)")
_ERRORS: Final = re.compile(r"5\.\.|5xx|error|fail|exception|\bdropped|4\.\.", re.IGNORECASE)
_GOOD_SHARE: Final = re.compile(r"budget|availability|success|\b1\s*-", re.IGNORECASE)

_VALUES: Final = {
    "code": ("200", "404", "500"),
    "status": ("200", "404", "500"),
    "status_code": ("200", "404", "500"),
    "method": ("GET", "POST", "DELETE"),
    "region": ("eu-central-1", "us-east-1", "ap-south-1"),
    "level": ("info", "warning", "error"),
    "severity": ("critical", "warning"),
    "instance": ("10.0.4.12:8080", "10.0.7.31:8080", "10.0.9.8:8080"),
    "pod": ("app-7d9f6c5b8-x2kfp", "app-7d9f6c5b8-9qwlz", "app-7d9f6c5b8-m4tjr"),
    "plan": ("basic", "pro", "enterprise"),
    "namespace": ("shop", "payments"),
    "service": ("checkout", "catalog", "payments"),
    "job": ("checkout", "catalog"),
    "handler": ("/pay", "/cart", "/orders"),
    "endpoint": ("/pay", "/cart", "/orders"),
    "path": ("/pay", "/cart", "/orders"),
    "environment": ("production", "staging"),
    "le": ("0.1", "0.3", "1", "3"),
    "quantile": ("0.5", "0.95", "0.99"),
    "long": ("1h", "6h"),
    "short": ("5m", "30m"),
}
_WEIGHTS: Final = (1.0, 0.45, 0.17, 0.08, 0.04)
_CODES: Final = ("code", "status", "status_code")
_CODE_WEIGHTS: Final = (1.0, 0.06, 1.0)
"""Failures are few from the start."""
_WORSE: Final = 130
"""How many times more requests fail at the height of the incident."""
_LIMIT: Final = 14.4
"""The highest of what is drawn as a limit."""
_INCIDENT: Final = (0.6, 0.035)
"""Where it is in the time shown, and half its length; shares of the whole."""


@dataclass(frozen=True, slots=True)
class Series:
    """One made-up series: its name, its labels, its points, oldest first, and the query that it is of."""

    name: str
    labels: tuple[tuple[str, str], ...]
    points: tuple[float, ...]
    ref: str = ""

    @property
    def newest(self) -> float:
        """The last point."""
        return self.points[-1]


def series(board: Board, panel: Panel, *, most: int = 12) -> tuple[Series, ...]:
    """Return what the queries of a panel would bring, at most `most` series."""
    found: list[Series] = []
    for number, target in enumerate(panel.targets):
        for labels, weight in _labelled(target):
            name = _name(target, panel, labels)
            seed = f"{board.uid}/{panel.id}/{number}/{target.ref}/{labels}"
            points = _points(board, panel, target, name, labels, weight, seed)
            if target.ref in panel.dashed:
                points = tuple([_LIMIT * weight / max(1, number)] * POINTS)
            found.append(Series(name, labels, points, target.ref))
    return tuple(found[:most])


def noise(seed: str, count: int) -> list[float]:
    """Return numbers from 0 to 1 that look random and follow from the seed."""
    data = hashlib.shake_256(seed.encode("utf-8", "replace")).digest(2 * count)
    return [int.from_bytes(data[at : at + 2]) / 0xFFFF for at in range(0, 2 * count, 2)]


def kept_labels(target: Target) -> tuple[str, ...]:
    """Return the labels of a query's series, as far as its text tells."""
    listed = [name.strip() for found in _BY.finditer(target.text) for name in found[1].split(",")]
    named = _LABEL.findall(target.legend)
    return tuple(dict.fromkeys(name for name in (*named, *listed) if (name and name != "le") or name in named))


def _labelled(target: Target) -> list[tuple[tuple[tuple[str, str], ...], float]]:
    """Return the label sets of a query's series with the size of each; the first label that is free has several values."""
    fixed = dict(_EQUALS.findall(target.text))
    patterns = dict(_MATCHES.findall(target.text))
    labels = kept_labels(target)
    free = next((name for name in labels if name not in fixed), None)
    if free is None:
        return [(tuple((name, fixed[name]) for name in labels), 1.0)]
    rows: list[tuple[tuple[tuple[str, str], ...], float]] = []
    weights = _CODE_WEIGHTS if free in _CODES else _WEIGHTS
    for value, weight in zip(_values(free, patterns.get(free, "")), weights, strict=False):
        others = {}
        for name in labels:
            usual = _values(name, patterns.get(name, ""))
            others[name] = fixed.get(name) or usual[len(rows) % len(usual)]
        rows.append((tuple((others | {free: value}).items()), weight))
    return rows


def _values(label: str, pattern: str) -> tuple[str, ...]:
    usual = _VALUES.get(label, tuple(f"{label}-{letter}" for letter in "abc"))
    if label in _CODES and pattern.startswith("5"):
        return ("500", "503")
    choices = tuple(part for part in pattern.strip("()").split("|") if re.fullmatch(r"[\w-]+", part))
    return choices if len(choices) > 1 else usual


def _name(target: Target, panel: Panel, labels: tuple[tuple[str, str], ...]) -> str:
    values = dict(labels)
    if target.legend and target.legend != "__auto":
        return _LABEL.sub(lambda found: values.get(found[1], ""), target.legend)
    if len(labels) == 1:
        return labels[0][1]
    if labels:
        return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
    return " ".join(target.text.split()) or panel.title


# -- points -------------------------------------------------------------------------------------------------------


def _points(
    board: Board,
    panel: Panel,
    target: Target,
    name: str,
    labels: tuple[tuple[str, str], ...],
    weight: float,
    seed: str,
) -> tuple[float, ...]:
    good = _GOOD_SHARE.search(target.text) is not None
    failing = name.startswith("5") or (not labels and not good and _ERRORS.search(target.text) is not None)
    quantile = _QUANTILE.search(target.text)
    slow = quantile is not None or panel.unit in ("s", "ms", "µs", "ns")
    base = _base(panel, target, float(quantile[1]) if quantile else None, failing=failing) * weight
    good_share = panel.unit in ("percent", "percentunit") and good
    steady = good_share or slow or panel.unit in ("bytes", "decbytes", "bits", "decbits")
    shape = _traffic(board, 0.06 if steady else 0.35)
    jitter = _smooth(seed, 40, 0.1) if not failing else _smooth(seed, 60, 0.7)
    grain = noise(f"{seed}/grain", POINTS)
    points = []
    for at in range(POINTS):
        value = base * shape[at] * (1 + jitter[at]) * (1 + 0.08 * (grain[at] - 0.5))
        bump = _incident(at / (POINTS - 1))
        if failing:
            value *= 1 + _WORSE * bump
        elif slow:
            value *= 1 + 1.6 * bump
        elif good_share:
            # What is missing to the whole is small, and stays small.
            gap = min(0.04 * base, (100 if panel.unit == "percent" else 1) - base)
            value = base - gap * (0.3 * grain[at] + 6 * bump)
        else:
            value *= 1 - 0.1 * bump
        points.append(value)
    return tuple(points)


def _base(panel: Panel, target: Target, quantile: float | None, *, failing: bool) -> float:
    wanted, unit = _calm(panel), panel.unit
    # Below all thresholds of a share of what is good, there is less than nothing.
    if wanted is not None and (wanted >= 0 or unit != "percentunit"):
        return wanted
    if unit in ("percentunit", "percent"):
        share = 0.0006 if failing else 0.93 if _GOOD_SHARE.search(target.text) else 0.42
        return share * (100 if unit == "percent" else 1)
    if quantile is not None or unit in ("s", "ms"):
        seconds = 0.07 if quantile is None else 0.05 / max(0.02, 1.02 - quantile) ** 0.6
        return seconds * (1000 if unit == "ms" else 1)
    if unit in ("bytes", "decbytes", "bits", "decbits"):
        return 412e6
    if unit in ("Bps", "binBps", "bps", "binbps"):
        return 3.4e6
    if failing:
        return 0.08
    return 138.0 if unit else 42.0


def _calm(panel: Panel) -> float | None:
    """Return a value in the band that a panel's thresholds paint green: what it shows on a good day."""
    steps = panel.steps
    bounds = [one.value for one in steps if one.value is not None]
    if not bounds:
        return None
    green = next((number for number, one in enumerate(steps) if color(one.color) in _GREEN), 0)
    low = steps[green].value
    high = steps[green + 1].value if green + 1 < len(steps) else None
    if low is None:
        bound = high if high is not None else 1.0
        return bound * 0.42 if bound > 0 else bound - abs(bound) - 1
    if high is None:
        high = {"percentunit": 1.0, "percent": 100.0}.get(panel.unit, low * 1.5 or 1.0)
    return low + (high - low) * 0.4


_GREEN: Final = frozenset(color(name) for name in ("green", "light-green", "dark-green", "semi-dark-green"))


def _traffic(board: Board, depth: float) -> list[float]:
    """Return how busy it is: around 1, the same course for all panels of a dashboard."""
    phase = noise(f"{board.uid}/day", 1)[0]
    waves = _smooth(f"{board.uid}/traffic", 10, depth * 0.5)
    days = board.span.total_seconds() / 86400
    cycles = max(0.55, min(days, 30))
    return [
        1 + depth * math.sin(2 * math.pi * (cycles * at / POINTS + 0.15 * phase)) + waves[at] for at in range(POINTS)
    ]


def _smooth(seed: str, knots: int, depth: float) -> list[float]:
    """Return a smooth course from -depth to depth through as many random values as there are knots."""
    values = noise(f"{seed}/{knots}", knots + 2)
    course = []
    for at in range(POINTS):
        place = at / POINTS * knots
        left = int(place)
        share = (1 - math.cos(math.pi * (place - left))) / 2
        course.append(depth * (2 * (values[left] * (1 - share) + values[left + 1] * share) - 1))
    return course


def _incident(at: float) -> float:
    """Return how bad it is at a time, from 0 to 1: quickly up, slowly down."""
    middle, half = _INCIDENT
    distance = (at - middle) / (half if at < middle else 2 * half)
    return math.exp(-distance * distance * 1.5)


# -- rows of text -------------------------------------------------------------------------------------------------

_MESSAGES: Final = (
    ("info", "request served", "path=/pay status=200 duration=84ms"),
    ("error", "payment provider did not answer", "path=/pay status=503 duration=3.0s"),
    ("info", "order placed", "order=48213 items=3 duration=112ms"),
    ("warn", "retrying the payment provider", "attempt=2 backoff=200ms"),
    ("error", "card was declined by the issuer", "path=/pay status=502 attempt=1"),
    ("info", "request served", "path=/cart status=200 duration=21ms"),
    ("error", "inventory lock could not be taken", "sku=A-1127 waited=2.0s"),
)


def log_lines(board: Board, panel: Panel, count: int) -> list[tuple[str, str, str]]:
    """Return lines of a log, newest first: seconds before now, level, text."""
    asked = " ".join(target.text for target in panel.targets).lower()
    wanted = [one for one in _MESSAGES if one[0] in asked] or list(_MESSAGES)
    steps = noise(f"{board.uid}/{panel.id}/lines", count)
    ago, lines = 0.0, []
    for number in range(count):
        ago += 0.4 + 40 * steps[number] ** 2
        level, message, more = wanted[number % len(wanted)]
        lines.append((f"{ago:.3f}", level, f'level={level} msg="{message}" {more}'))
    return lines


def table_rows(found: Sequence[Series]) -> tuple[tuple[str, ...], list[tuple[tuple[str, ...], float]]]:
    """Return the label columns of a table, and its rows: values of the labels, and the number."""
    columns = tuple(dict.fromkeys(name for one in found for name, _ in one.labels))
    rows = [(tuple(dict(one.labels).get(name, "") for name in columns), one.newest) for one in found]
    return columns, rows


def joined_rows(board: Board, panel: Panel) -> list[dict[str, str | float]]:
    """Return the rows of a table that joins its queries: title of the column -> label or number."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    for column in panel.columns:
        asked = tuple(target for target in panel.targets if column.ref and target.ref == column.ref)
        for one in series(board, replace(panel, unit=column.unit, targets=asked)):
            labels = dict(one.labels)
            shown = {named.title: labels.get(named.label, "") for named in panel.columns if named.label}
            rows.setdefault(one.labels, dict(shown))[column.title] = one.newest
    return list(rows.values())
