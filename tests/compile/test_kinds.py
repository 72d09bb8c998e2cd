"""The tables of kinds agree with each other."""

from __future__ import annotations

from binnacle.api import registry as api
from binnacle.check.registry import CHECKS, PROOFS, TESTS
from binnacle.compile import registry as compilers
from binnacle.intent.readback import READBACK_FIELDS
from binnacle.targets.registry import TARGETS


def test_every_kind_has_a_meaning_and_no_table_has_a_kind_that_does_not_exist() -> None:
    assert compilers.KINDS.keys() == api.KINDS.keys()
    assert compilers.MEANS.keys() == compilers.KINDS.keys()
    for table in (CHECKS, TESTS, PROOFS, READBACK_FIELDS):
        assert table.keys() <= api.KINDS.keys()


def test_every_intent_of_a_kind_is_one_that_a_target_spells() -> None:
    assert {one for means in compilers.MEANS.values() for one in means} == {
        one for target in TARGETS for one in target.spells
    }
