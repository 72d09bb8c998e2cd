"""Tests of the loop run on time that passes by itself: what they wait for comes in the same order on any machine."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest

from control.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """One loop for all, whose time jumps to the next thing that is planned."""
    return {"virtual": VirtualTimeLoop}
