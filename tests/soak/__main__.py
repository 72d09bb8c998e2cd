"""`python -m soak`: take all counts in full, one part after the other; what has been done for this commit is not done again."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import machine, report

from servers.operator import REPOSITORY
from soak.parts import FULL, PARTS, Part, pytest
from soak.passed import names
from soak.record import Record, Result, lasting, version

RECORDS = REPOSITORY / ".soak"
BROKEN_OFF = 130
"""The exit status after an interrupt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a part has not held."""
    signal.signal(signal.SIGTERM, _terminate)
    options = _parse(arguments)
    if options.tests:
        work = [*pytest("-n", "2", "--dist", "loadfile"), *options.tests]
        return subprocess.run(work, cwd=REPOSITORY, env={**os.environ, **FULL}, check=False).returncode
    code = version(REPOSITORY)
    record = Record.of(RECORDS / code)
    chosen = [part for part in PARTS if not options.parts or part.name in options.parts]
    described, interrupted = machine.describe(), False
    if options.list:
        for part in chosen:
            print(f"{part.name}: {part.what}: {_so_far(record, part)}")
    else:
        # What runs on files that were changed says nothing about them as they will be the next time.
        for part in chosen if options.again or code.endswith("+") else ():
            record.forget(part)
        print(
            f"soak: {len(chosen)} parts, of {code}; their output is in {record.folder.relative_to(REPOSITORY)}",
            flush=True,
        )
        interrupted = _take(chosen, record)
    described["load after"] = machine.load()
    table = f"{record.table(PARTS)}\n*of {code}, {report.line(described)}*\n"
    if options.write_docs:
        options.write_docs.write_text(report.replace(options.write_docs.read_text(), "soak", table))
    if options.list:
        return 0
    print(f"\n{table}")
    for part in chosen:
        if (one := record.results.get(part.name)) and one.held is False:
            log = record.logs(part)[-1]
            print(f"soak: {part.name} FAILED:", *_failures(log), log, sep="\n  ")
    held = all((one := record.results.get(part.name)) and one.held for part in chosen)
    return BROKEN_OFF if interrupted else int(not held)


def _take(parts: Sequence[Part], record: Record) -> bool:
    """Run what has not held yet, with a line for each part; returns whether that was broken off."""
    for number, part in enumerate(parts, 1):
        print(f"soak: [{number}/{len(parts)}] {part.name}: {part.what}: ", end="", flush=True)
        before = record.results.get(part.name)
        if before is None or not before.held:
            result = _run(part, record)
            if changed := record.folder.name != version(REPOSITORY):
                result = replace(result, held=None)
            record.keep(part, result.after(before))
            if changed:
                print("the code has changed meanwhile, so nobody knows of which it is; ", end="")
        print(_so_far(record, part), flush=True)
        if record.results[part.name].held is None:
            return True
    return False


def _run(part: Part, record: Record) -> Result:
    """Run one part; an interrupt, which it gets too, breaks it off, and so does SIGTERM, which it gets as an interrupt."""
    held: bool | None
    began, spent = time.monotonic(), _spent()
    with record.next_log(part).open("w") as log:
        work = subprocess.Popen(
            part.command(record.passed(part)),
            cwd=REPOSITORY,
            env={**os.environ, **FULL, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            held = work.wait() == 0
        except KeyboardInterrupt:
            work.wait()
            held = None
        except _Terminated:
            # Tests end their servers at an interrupt; at SIGTERM they would leave them behind.
            work.send_signal(signal.SIGINT)
            work.wait()
            held = None
    took, effort = time.monotonic() - began, _spent() - spent
    passed = len(names(record.passed(part)))
    if held and not part.bench:
        held = passed > 0
    return Result(held, passed, took, effort, dt.datetime.now(dt.UTC).date().isoformat())


class _Terminated(BaseException):
    """SIGTERM has come."""


def _terminate(*_: object) -> None:
    raise _Terminated


def _spent() -> float:
    """Return the processor time of all that was started here and has ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _so_far(record: Record, part: Part) -> str:
    one = record.results.get(part.name)
    if one is None:
        return f"not yet, {len(names(record.passed(part))):,} tests passed so far"
    tests = "" if part.bench else f"{one.passed:,} tests passed, "
    return f"{one.word}, {tests}{lasting(one.seconds)}, {lasting(one.effort)} of processor time"


def _failures(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("FAILED ", "ERROR "))]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description="All counts in full; hours.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which: {', '.join(part.name for part in PARTS)}")
    parser.add_argument("--again", action="store_true", help="also what has been done for this commit")
    parser.add_argument("--list", action="store_true", help="say what there is, and how it went")
    parser.add_argument(
        "--write-docs", type=Path, nargs="?", const=report.PAGE, metavar="FILE", help="put the results into the page"
    )
    parser.add_argument(
        "--tests", nargs=argparse.REMAINDER, help="no parts, but these arguments of pytest with the full counts"
    )
    options = parser.parse_args(arguments)
    if options.write_docs and not options.write_docs.is_file():
        parser.error(f"--write-docs: there is no file {options.write_docs}; parts are named before it")
    if unknown := set(options.parts) - {part.name for part in PARTS}:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; --list names them")
    return options


if __name__ == "__main__":
    sys.exit(main())
