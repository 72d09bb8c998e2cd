"""Resources as large as Kubernetes allows: told what is too much, or compiled, and in no more time than others can wait."""

from __future__ import annotations

import json
import time
from datetime import date

import pytest

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.control import onepass
from binnacle.control.toolchain import shipped
from compile.large import OUTCOMES, SIZE, large
from servers.pace import effort


@pytest.mark.parametrize(("kind", "reason"), OUTCOMES.items())
def test_a_large_one_is_told_or_compiled_within_seconds(kind: str, reason: Reason | None) -> None:
    body = large(kind, "shop", "large")
    assert 0.5 * SIZE < len(json.dumps(body)) <= SIZE + 1000
    begun = time.process_time()
    made = onepass.run(shipped(Config.from_data({})), [body], date(2026, 1, 1))
    assert time.process_time() - begun < effort(3)
    (desired,) = made.desired.values()
    errors = {one.reason for one in desired.findings if one.severity == "error"}
    assert errors == (set() if reason is None else {reason})
    assert bool(desired.outputs or desired.shares) == (reason is None)
