"""Values in the units of Grafana, written as Grafana writes them (packages/grafana-data/src/valueFormats)."""

import math
from collections.abc import Sequence
from typing import Final

_Scale = Sequence[tuple[float, str]]
"""Factors and suffixes, ascending; the first takes everything below."""

_SECONDS: Final[_Scale] = (
    *((1e-9, " ns"), (1e-6, " µs"), (1e-3, " ms"), (1, " s")),
    *((60, " mins"), (3600, " hours"), (86400, " days"), (604800, " weeks")),
)
_THOUSANDS: Final[_Scale] = ((1, ""), (1e3, " K"), (1e6, " Mil"), (1e9, " Bil"))
_METRIC: Final = ("", "k", "M", "G", "T", "P")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
_TIMES: Final = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {
    "bytes": (_BINARY, "B"),
    "decbytes": (_METRIC, "B"),
    "bits": (_BINARY, "b"),
    "decbits": (_METRIC, "b"),
    "Bps": (_METRIC, "B/s"),
    "binBps": (_BINARY, "B/s"),
    "bps": (_METRIC, "b/s"),
    "binbps": (_BINARY, "b/s"),
    "hertz": (_METRIC, "Hz"),
}
_RATES: Final = {
    "reqps": "req/s",
    "rps": "reads/s",
    "wps": "writes/s",
    "ops": "ops/s",
    "cps": "c/s",
    "iops": "io/s",
    "eps": "events/s",
    "mps": "msg/s",
    "recps": "rec/s",
    "rowsps": "rows/s",
    "pps": "p/s",
    "reqpm": "req/m",
    "opm": "ops/m",
    "rpm": "reads/m",
    "wpm": "writes/m",
    "cpm": "c/m",
    "epm": "events/m",
}
_CURRENCIES: Final = {
    "currencyUSD": "$",
    "currencyEUR": "€",
    "currencyGBP": "£",
    "currencyJPY": "¥",
    "currencyCHF": "CHF ",
}


def written(value: float, unit: str, step: float | None = None) -> str:
    """Return a value in a unit.

    Args:
        value: in the unit itself: 0.25 of `percentunit` is 25%.
        unit: Grafana's id of it; empty for none. One that Grafana does not know stands behind the value, as there.
        step: distance to the next tick of an axis, which decides how many decimals are needed; None for three figures.
    """
    if unit in ("percentunit", "percent"):
        factor = 100 if unit == "percentunit" else 1
        return _figure(value * factor, None if step is None else step * factor) + "%"
    if unit in _TIMES:
        return _scaled(value * _TIMES[unit], _SECONDS, None if step is None else step * _TIMES[unit])
    if unit in _BYTES:
        prefixes, name = _BYTES[unit]
        base = 1024.0 if prefixes is _BINARY else 1000.0
        return _scaled(value, [(base**power, f" {prefix}{name}") for power, prefix in enumerate(prefixes)], step)
    if unit in _CURRENCIES:
        return _CURRENCIES[unit] + _scaled(value, _THOUSANDS, step)
    if unit in ("none", "", "short"):
        return _scaled(value, _THOUSANDS, step) if unit == "short" else _figure(value, step)
    if unit in _RATES:
        return f"{_scaled(value, _THOUSANDS, step)} {_RATES[unit]}"
    return f"{_figure(value, step)} {unit.removeprefix('suffix:')}"


def _scaled(value: float, scale: _Scale, step: float | None) -> str:
    factor, suffix = scale[0]
    for candidate, name in scale:
        if abs(value) >= candidate * 0.9999:
            factor, suffix = candidate, name
    if value == 0:
        # Nothing, in the plain unit.
        factor, suffix = next((one for one in scale if one[0] == 1), scale[0])
    return _figure(value / factor, None if step is None else step / factor) + suffix


def _figure(value: float, step: float | None) -> str:
    if value == 0:
        return "0"
    # Three figures, or as many as tell one tick from the next.
    finest = abs(value) / 100 if step is None else step
    decimals = min(6, max(0, -math.floor(math.log10(finest) + 1e-9)))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if step is None and "." in text else text


def ticks(low: float, high: float, most: int, unit: str = "") -> tuple[list[float], float]:
    """Return at most `most` + 1 values that enclose a range and are round in their unit, and their distance."""
    prefixes, _ = _BYTES.get(unit, (_METRIC, ""))
    if prefixes is _BINARY and high >= 1024:
        factor = 1024.0 ** min(len(_BINARY) - 1, int(math.log(high, 1024)))
        marks, step = ticks(low / factor, high / factor, most)
        return [mark * factor for mark in marks], step * factor
    span = (high - low) or abs(high) or 1.0
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough * 0.9999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)], step
