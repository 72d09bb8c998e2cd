"""What a defect leaves in the log: its type and where it arose, and never a value that it failed on, which may be a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from binnacle.api.conditions import ConditionType
from binnacle.api.config import Config
from binnacle.cli import logs
from binnacle.cli.logs import LogFormat
from binnacle.compile.world import World
from binnacle.control.desired import desire
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import Owner
from cli.running import Runner
from control.memory_world import LoopClock, MemoryCluster, Running, thing, toolchain

SECRET = "hunter2-9f8e7d6c"


def plain(value: str) -> None:
    raise ValueError(f"cannot read {value!r}")


def looked_up(value: str) -> None:
    {}[value]


def caused(value: str) -> None:
    try:
        plain(value)
    except ValueError as error:
        raise RuntimeError(f"and so not {value}") from error


def while_handled(value: str) -> None:
    try:
        plain(value)
    except ValueError:
        looked_up(value)


def grouped(value: str) -> None:
    raise ExceptionGroup(f"of {value}", [ValueError(value), ExceptionGroup(value, [OSError(value)])])


def noted(value: str) -> None:
    error = TypeError("wrong")
    error.add_note(f"in {value}")
    raise error


def named(value: str) -> None:
    class Odd(Exception):  # noqa: N818
        def __str__(self) -> str:
            return value

        __repr__ = __str__

    raise Odd


def circular(value: str) -> None:
    error = ValueError(value)
    error.__cause__ = KeyError(value)
    error.__cause__.__cause__ = error
    raise error


def endless(value: str) -> None:
    endless(value)


DEFECTS = (plain, looked_up, caused, while_handled, grouped, noted, named, circular, endless)


@contextmanager
def log_of(log_format: LogFormat, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The operator's own log, and the root logger afterwards as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", stream)
    try:
        logs.set_up(log_format, "debug")
        yield stream
    finally:
        root.handlers = handlers
        root.setLevel(level)


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("fails", DEFECTS, ids=lambda one: one.__name__)
def test_a_defect_in_compilation_quotes_nothing(
    fails: Callable[[str], None], log_format: LogFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = toolchain()

    def parse(body: Mapping[str, Any]) -> Any:
        fails(body["spec"]["text"])

    body, key = thing("a", text=SECRET), Key("SLO", "shop", "a")
    world = World(Config.from_data({}), LoopClock().today(), lambda _key: None, lambda *_: (), lambda _claim: ())
    with log_of(log_format, monkeypatch) as stream:
        desired = desire(type(tools)(parse, tools.compilers, tools.targets, tools.config), body, Owner(key), world)
    text = stream.getvalue()
    assert SECRET not in text
    assert SECRET not in repr(desired)
    assert f"in {fails.__name__}" in text, "it says where"
    assert text.count("Traceback") >= 1
    if log_format is LogFormat.JSON:
        assert fails.__name__ in json.loads(text)["exception"]


@pytest.mark.parametrize("fails", DEFECTS, ids=lambda one: one.__name__)
async def test_a_defect_in_the_loop_quotes_nothing(
    fails: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, key = MemoryCluster(), Key("SLO", "shop", "a")
    with log_of(LogFormat.TEXT, monkeypatch) as stream:
        async with Running(cluster) as run:

            async def write_status(_key: Key, _uid: str, _status: Mapping[str, Any]) -> None:
                fails(SECRET)

            monkeypatch.setattr(cluster, "write_status", write_status)
            cluster.put(thing("a", text="new"))
            await run.settle()
            told = run.controller.account(key)
            monkeypatch.undo()
            assert "a defect of Binnacle" in told
            assert SECRET not in told
            assert not any(one["type"] == ConditionType.READY for one in run.status("a").get("conditions", ()))
            assert cluster.objects[ObjectRef("v1", "ConfigMap", "shop", "binnacle-slo-a")]["data"] == {"text": "new"}
    text = stream.getvalue()
    assert "reconcile failed unexpectedly" in text
    assert f"in {fails.__name__}" in text
    assert SECRET not in text


async def test_a_task_that_nobody_waited_for_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        plain(SECRET)

    with log_of(LogFormat.TEXT, monkeypatch) as stream:
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0)
    text = stream.getvalue()
    assert "never retrieved" in text
    assert "in plain" in text
    assert SECRET not in text


def test_a_defect_that_ends_the_operator_quotes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_operator(*_: object) -> bool:
        plain(SECRET)
        return True

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr("binnacle.cli.operator.run_operator", run_operator)
    try:
        ended = Runner(capsys, monkeypatch)("operator")
    finally:
        root.handlers = handlers
        root.setLevel(level)
    assert ended.status == 1
    assert "the operator ends by a defect of Binnacle" in ended.err
    assert "in plain" in ended.err
    assert SECRET not in ended.err + ended.out


def test_a_defect_met_by_a_command_quotes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    Runner(capsys, monkeypatch)("version")
    try:
        plain(SECRET)
    except ValueError:
        logging.getLogger("binnacle.control.desired").exception("compilation failed")
    err = capsys.readouterr().err
    assert "in plain" in err
    assert SECRET not in err
