"""Which checks and which tests a kind has: one line for each."""

from collections.abc import Mapping
from typing import Final

from binnacle.check.base import Check, Tests

CHECKS: Final[Mapping[str, Check]] = {}

TESTS: Final[Mapping[str, Tests]] = {}
