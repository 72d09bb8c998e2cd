"""Values that only alert policies have: percentiles, and notations of test series."""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from binnacle.api.model import Law, shown
from binnacle.api.values import Percentage
from binnacle.errors import SpecError


def _percentile(value: Percentage) -> None:
    if not Decimal(0) < value.ratio < Decimal(1):
        raise SpecError(f"{value} is no percentile.", fix="Choose a percentage above 0% and below 100%, such as 95%.")


Percentile = Annotated[Percentage, Law(_percentile)]
"""A share of observations, above 0% and below 100%."""

_SAMPLE: Final = r"(?:-?[0-9]{1,15}(?:\.[0-9]{1,9})?(?:e[+-]?[0-9]{1,2})?|_|stale|[+-]?Inf|NaN)"
_STEPS: Final = r"(?:[+-][0-9]{1,15}(?:\.[0-9]{1,9})?)?x([0-9]{1,4})"
_ITEM: Final = re.compile(f"{_SAMPLE}(?:{_STEPS})?")
_MOST_SAMPLES: Final = 10_000


def _series_values(text: str) -> None:
    total = 0
    for item in text.split():
        found = _ITEM.fullmatch(item)
        if found is None:
            raise SpecError(
                f"{shown(item)} is no sample of a series.",
                fix="Write samples such as 0 1 2, _ for none, and 0+10x20 for twenty steps of ten from nought.",
            )
        total += int(found.group(1) or 0) + 1
    if total > _MOST_SAMPLES:
        raise SpecError(f"The series has {total} samples.", fix=f"Keep at most {_MOST_SAMPLES}.")


SeriesValues = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    Law(_series_values),
]
"""Samples of a series in promtool's notation, at most 10,000 of them."""
