"""The tables of kinds agree with each other."""

from __future__ import annotations

from binnacle.api import registry as api
from binnacle.check.registry import CHECKS, PROOFS, TESTS
from binnacle.compile import registry as compilers
from binnacle.intent.readback import READBACK_FIELDS


def test_every_kind_has_a_meaning_and_no_table_has_a_kind_that_does_not_exist() -> None:
    assert compilers.KINDS.keys() == api.KINDS.keys()
    for table in (CHECKS, TESTS, PROOFS, READBACK_FIELDS):
        assert table.keys() <= api.KINDS.keys()
