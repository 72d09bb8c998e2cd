"""Which checks and which tests a kind has: one line for each."""

from collections.abc import Mapping
from typing import Final

from binnacle.check.alertpolicy import check_alertpolicy, prove_alertpolicy
from binnacle.check.base import Check, Tests

CHECKS: Final[Mapping[str, Check]] = {"AlertPolicy": check_alertpolicy}

TESTS: Final[Mapping[str, Tests]] = {"AlertPolicy": prove_alertpolicy}
