"""What compiling takes, in calls: as many on a busy machine as on a quiet one."""

import sys
from datetime import date
from types import FrameType

from api.slo_cases import good_slo
from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.targets.yamltext import document

MOST = 8000
"""Calls for one SLO of 18 rules, about twice what it takes: a loop within a loop shows, a feature does not."""


def calls(count: int) -> int:
    """Compile and print SLOs as `binnacle render` does, and return how many calls of functions that takes."""
    tools = shipped(Config.from_data({"prometheus": {"output": "operator"}}))
    slos = [good_slo(f"slo-{number}") for number in range(count)]
    found = 0

    def seen(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal found
        found += event in {"call", "c_call"}

    earlier = sys.getprofile()
    sys.setprofile(seen)
    try:
        outcome = run(tools, slos, date(2026, 1, 1))
        for output in outcome.objects:
            document(output.body)
    finally:
        sys.setprofile(earlier)
    assert len(outcome.objects) >= count
    return found


def test_an_slo_more_takes_a_bounded_number_of_calls_however_many_there_are() -> None:
    calls(1)  # fills the caches
    few, some, many = calls(10), calls(20), calls(60)
    for_each = (some - few) / 10
    assert for_each <= MOST
    assert (many - some) / 40 <= 1.2 * for_each
