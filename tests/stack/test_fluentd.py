"""Real Fluentd, where it is on the PATH: it takes the files, and lines of containers come out as the simulator says they do."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.intent.pipeline import (
    Asks,
    Condition,
    Enrich,
    Filter,
    Format,
    Multiline,
    OnError,
    Parse,
    Pipeline,
    Redact,
    Route,
    Stdout,
)
from binnacle.intent.refs import Key
from binnacle.targets.fluentd.conventions import CONTAINERS, ENTRY
from binnacle.targets.fluentd.pipelines import entry, written
from check.fluentd_files import run_files
from servers.waiting import eventually
from targets.pipelines import KEY, PACK, PAYLOADS, config, everywhere, plain

FLUENTD = shutil.which("fluentd")
pytestmark = pytest.mark.skipif(FLUENTD is None, reason="fluentd is not on the PATH")

ID = "0123456789abcdef" * 4
ERROR = Condition(("level",), Asks.EQUALS, ("error",))
PIPELINES = {
    KEY: plain(
        Parse("parse", Format.JSON, time_field=("ts",), on_error=OnError.QUARANTINE),
        Enrich("env", ((("team",), "pay"),)),
        Redact("private", PACK.patterns, PACK.keys),
        Route("errors", (ERROR,), ("errors",)),
        Filter("noise", (Condition(("level",), Asks.EQUALS, ("debug",)),)),
        outputs=(Stdout("out"), Stdout("errors")),
    ),
    Key("LogPipeline", "other", "lines"): plain(Multiline("join", "^[^ ]", 1_000)),
}
LINES = {
    ("web-0", "shop", "app"): [
        'stdout F {"level":"info","msg":"a@b.de é","ts":"2024-05-06T07:08:09.123456789Z"}',
        'stdout P {"level":"error",',
        "stderr F no json: a@b.de",
        'stdout F "n":[9223372036854775808,{"card":4111111111111111}]}',
        'stdout F {"level":"debug"}',
        'stdout F {"level":"last"}',
    ],
    ("db-0", "other", "db"): ["stdout F boom", "stdout F  at a", "stdout F next", "stdout F  at b"],
}


def folder(root: Path, made: dict[Key, Pipeline]) -> tuple[Config, dict[str, str], list[Any]]:
    """Write the files that Fluentd loads, with containers and buffers below `root`; the files as they were, and their programs."""
    chosen = config(fluentd={"buffers": str(root / "buffers")})
    every = {key: written(key, one, chosen) for key, one in made.items()}
    first = entry(chosen, "*.lp.conf")
    files = {ENTRY: first.text, **{f"{key.namespace}.lp.conf": one.text for key, one in every.items()}}
    for name, text in files.items():
        (root / name).write_text(text.replace(CONTAINERS, str(root / "containers")))
    return chosen, files, [program for one in (first, *every.values()) for program in one.programs]


def test_a_dry_run_takes_all_that_people_may_write(tmp_path: Path) -> None:
    assert FLUENTD is not None
    for number, payload in enumerate(["plain", *PAYLOADS[::8]]):
        root = tmp_path / str(number)
        root.mkdir()
        stages = everywhere(payload).stages
        folder(root, {KEY: plain(*stages, outputs=(Stdout("loki"), Stdout("out")))})
        ran = subprocess.run(
            [FLUENTD, "--dry-run", "-c", str(root / ENTRY)], capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, f"{payload!r}: {ran.stdout}{ran.stderr}"


@contextmanager
def running(root: Path) -> Iterator[Path]:
    """Run Fluentd; yields the file with what it says."""
    assert FLUENTD is not None
    said = root / "said"
    with said.open("w") as out:
        process = subprocess.Popen([FLUENTD, "--no-supervisor", "-c", str(root / ENTRY)], stdout=out, stderr=out)
        try:
            yield said
        finally:
            process.terminate()
            process.wait(60)


def records(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith("{"))


def test_lines_of_containers_come_out_as_the_simulator_says(tmp_path: Path) -> None:
    (tmp_path / "containers").mkdir()
    _, files, programs = folder(tmp_path, PIPELINES)
    logs = {}
    for (pod, namespace, container), lines in LINES.items():
        name = f"{pod}_{namespace}_{container}-{ID}.log"
        logs[f"{CONTAINERS}/{name}"] = [f"2024-05-06T07:08:0{at}Z {line}\n".encode() for at, line in enumerate(lines)]
        (tmp_path / "containers" / name).write_bytes(b"".join(logs[f"{CONTAINERS}/{name}"]))
    simulated = run_files(files, ENTRY, programs, logs)
    wanted = sorted(
        json.dumps(one.event.record, ensure_ascii=False, separators=(",", ":"))
        for one in simulated
        if set(one.event.record) != {"time", "tag", "reason", "size"}
    )
    with running(tmp_path) as said:
        eventually(lambda: len(records(said.read_text())) > len(wanted), what="every record and one stub")
        text = said.read_text()
    stubs = [line for line in records(text) if '"reason":"NotParsed"' in line]
    assert len(stubs) == 1
    assert [line for line in records(text) if line not in stubs] == wanted
    assert "a@b.de" not in text
    assert "4111111111111111" not in text
