"""A secret written where only its name belongs is refused, and whoever reads status, events, logs or objects does not learn it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from binnacle.api.findings import Severity
from targets.test_injection import BODIES, Path_, replaced, wants

SECRET = "hunter2-9f8e7d6c"
MISTAKES: dict[str, Any] = {
    "the secret itself": SECRET,
    "in a map": {"value": SECRET},
    "in a list": [SECRET],
    "as the reference": {"secretRef": SECRET},
    "as the name": {"secretRef": {"name": f"https://hooks.example/{SECRET}", "key": "url"}},
    "as the key": {"secretRef": {"name": "slack", "key": f"https://hooks.example/{SECRET}"}},
    "as a key that is too long": {"secretRef": {"name": "slack", "key": SECRET * 20}},
    "beside the reference": {"secretRef": {"name": "slack", "key": "url", "value": SECRET}},
}
ADDRESSES = (
    f"https://user:{SECRET}@hook.example/",
    f"https://hook.example/ {SECRET}",
    SECRET,
    f"https://x/{SECRET * 200}",
)
"""What stands in place of a URL, a part of which may be secret."""
TEMPLATE = "https://hook.example/{{ .CommonLabels.alertname }}"
"""Where this is taken Alertmanager makes the address, so what is written is a text like any other."""


def secrets(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where values of secrets are referred to."""
    if isinstance(node, dict):
        if "secretRef" in node:
            yield path
        for key, value in node.items():
            yield from secrets(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from secrets(value, (*path, index))


def urls(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where URLs stand."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from urls(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from urls(value, (*path, index))
    elif isinstance(node, str) and node.startswith(("http://", "https://")):
        yield path


def wrong(find: Any) -> list[tuple[str, Path_]]:
    return [(name, place) for name, body in BODIES.items() for place in find(body["spec"])]


def refused(name: str, place: Path_, value: Any) -> bool:
    """Whether what is wrong is an error, which must not repeat it."""
    outcome = wants(replaced(BODIES[name], place, value))
    if all(one.severity is not Severity.ERROR for one in outcome.findings):
        return False
    # The model is what was written; all else is told or applied.
    assert SECRET not in repr(replace(outcome, model=None, compiled=None)), (name, place, value)
    return True


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_secret_in_place_of_its_reference(mistake: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    places = wrong(secrets)
    assert {name for name, _ in places} >= {"receivers", "metrics", "logs"}
    for name, place in places:
        assert refused(name, place, MISTAKES[mistake]), (name, place)
    assert SECRET not in caplog.text


def test_a_secret_in_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    places = [(name, place) for name, place in wrong(urls) if refused(name, place, TEMPLATE)]
    assert len(places) > 5
    for name, place in places:
        for address in ADDRESSES:
            assert refused(name, place, address), (name, place, address)
    assert SECRET not in caplog.text
