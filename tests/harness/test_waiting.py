"""Waiting: for a condition, with a limit that is a promise only where one is made."""

from __future__ import annotations

import pytest

from servers import pace
from servers.waiting import eventually


def test_a_promise_is_stretched_on_a_slow_machine_and_never_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    for slow, stretched in ((0.5, 2.0), (1.0, 2.0), (3.0, 6.0), (1000.0, 40.0)):
        monkeypatch.setattr(pace, "slowness", lambda _clock, slow=slow: slow)
        assert pace.paced(2.0) == pace.effort(2.0) == stretched


def test_what_does_not_come_is_told_with_its_last_value() -> None:
    answers = iter([0, 0, 7])
    assert eventually(lambda: next(answers), every=0.0) == 7
    with pytest.raises(TimeoutError, match=r"the moon did not hold within 0 s; last: \[\]"):
        eventually(list, limit=0.0, what="the moon")
    with pytest.raises(TimeoutError, match="by zero") as caught:
        eventually(lambda: 1 // 0, limit=0.0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
