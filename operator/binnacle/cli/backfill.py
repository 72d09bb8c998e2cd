"""`binnacle backfill`: the history of SLOs that are new to a Prometheus, written as blocks for it."""

import asyncio
import datetime as dt
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.check import backfill as history
from binnacle.check.backtest.slo import Plan
from binnacle.check.base import WHERE_PROMTOOL_IS
from binnacle.check.explain.words import counted, lasting
from binnacle.cli.compiling import compile_paths, offline
from binnacle.cli.history import (
    LIMITS,
    PrometheusAddress,
    Span,
    Until,
    is_compiled,
    length_of,
    moment,
    progress,
    read,
    rule_sets,
    seconds_of,
)
from binnacle.cli.options import ContextFile, Paths
from binnacle.cli.output import Format, exit_status, nothing_to, write_findings
from binnacle.compile.slo.timing import Timing
from binnacle.errors import BinnacleError
from binnacle.folder.compilation import Compilation
from binnacle.folder.context import read_config
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from binnacle.observe.backend import open_session
from binnacle.observe.history import pieces
from binnacle.observe.prometheus import Prometheus, Row
from binnacle.targets import rulefile

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_MOST: Final = 200
"""Times that are filled in for one SLO in one call; each is a run of promtool."""


class _Lack(NamedTuple):
    """An SLO, the rules that record its history, and when it has none; `more` times were left for the next call."""

    key: Key
    rules: RuleSet
    missing: tuple[history.Missing, ...]
    more: bool


@app.command()
def backfill(
    paths: Paths,
    prometheus: PrometheusAddress,
    output: Annotated[
        Path, typer.Option("--output-dir", "-o", metavar="DIR", help="Write the blocks into DIR.", show_default=False)
    ],
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DURATION", help="How far back.", show_default="as far as the windows of each SLO reach"
        ),
    ] = None,
    until: Until = None,
    context: ContextFile = None,
) -> None:
    """Fill in the history of SLOs: what their rules would have recorded, had they been loaded before.

    \b
    [bold]Examples[/bold]
      binnacle backfill slos/ --prometheus http://localhost:9090 -o blocks/
      mv blocks/* /prometheus/      the data folder; it is taken within minutes

    A new SLO knows nothing of the time before it: its window and budget are
    those of the history that it has (status tells since when). The history
    of the raw series is in Prometheus, and promtool writes from it what was
    missed, as blocks. Times that have been recorded are left out, so the
    command may be called again, and nothing is counted twice.
    promtool has to be on the PATH; it comes with Prometheus.
    Exit status: 0 good, 1 findings of severity error, 2 wrong usage, or the
    server gives no answer.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    length = None if since is None else length_of(since)
    promtool = shutil.which("promtool")
    if promtool is None:
        raise BinnacleError(f"promtool is not on the PATH. {WHERE_PROMTOOL_IS}")
    done = compile_paths(paths, context, until)
    config = offline(read_config(context))
    wanted = [key for key in done.documents if key.kind == SLO.__name__ and is_compiled(done, key)]
    if not wanted:
        typer.echo(nothing_to("fill in", "SLO"))
    found = asyncio.run(_look(prometheus, done, wanted, config, length, until))
    for one in found:
        typer.echo(_said(one))
    together = _together(found)
    blocks = 0
    with (
        tempfile.TemporaryDirectory(prefix="binnacle-backfill-") as name,
        progress("Filling in", len(together)) as advance,
    ):
        rules = Path(name) / "rules.yaml"
        for span, lacking in sorted(together.items()):
            groups = [group for one in lacking for group in rulefile.groups_of((one.rules,), one.key)]
            rules.write_text(rulefile.text_of(groups, lacking[0].key))
            blocks += history.write_blocks(promtool, rules, span, prometheus, output)
            advance(1)
    if together:
        typer.echo(_told(blocks, output))
    errors = [item for item in done.findings if exit_status([item])]
    write_findings(errors, Format.TEXT, sys.stderr, texts=done.texts)
    raise typer.Exit(exit_status(errors))


async def _look(
    url: str,
    done: Compilation,
    wanted: Sequence[Key],
    config: Config,
    length: Duration | None,
    until: dt.datetime | None,
) -> list[_Lack]:
    """Ask Prometheus where the history of each SLO has holes."""
    timing = Timing.of(config.prometheus)
    step = timing.step.ms // 1000
    # Rules that begin to record now count the step before their first evaluation.
    end = (seconds_of(until, dt.datetime.now(dt.UTC)) - step) // step * step
    found: list[_Lack] = []
    async with open_session() as session:
        api = Prometheus(url, session, LIMITS, "--prometheus")
        with progress("Reading history", len(wanted)) as advance:
            for key in wanted:
                slo = done.outcome.desired[key].model
                if not isinstance(slo, SLO):
                    continue
                back = length or Plan.of(slo, timing).reach
                begin = (end - back.ms // 1000) // step * step
                recorded: set[float] = set()

                def take(row: Row, into: set[float] = recorded) -> None:
                    into.update(value for _at, value in row.points)

                share = 1 / len(tuple(pieces(begin, end + 2 * step, step)))
                asked = Span(begin, end + 2 * step)
                await read(api, history.stamps(key, timing.step), asked, step, take, partial(advance, share))
                holes = history.missing(recorded, begin, end, step)
                missing = tuple(islice(holes, _MOST))
                rules = history.increments(rule_sets(done, key), timing.step)
                found.append(_Lack(key, rules, missing, more=next(holes, None) is not None))
    return found


def _together(found: Sequence[_Lack]) -> dict[history.Missing, list[_Lack]]:
    """Return the times, with the SLOs that lack each: promtool writes blocks for all of them at once."""
    together: dict[history.Missing, list[_Lack]] = defaultdict(list)
    for one in found:
        for span in one.missing:
            together[span].append(one)
    return together


def _said(one: _Lack) -> str:
    who = f"SLO {one.key.namespace}/{one.key.name}"
    if not one.missing:
        return f"{who}: nothing is missing"
    length = sum(span.end - span.begin for span in one.missing)
    first, last = one.missing[0].begin, one.missing[-1].end
    more = "; call again for the rest" if one.more else ""
    holes = "" if len(one.missing) == 1 else f" in {counted(len(one.missing), 'piece')}"
    return f"{who}: {lasting(length * 1000)} missing{holes}, from {moment(first)} to {moment(last)}{more}"


def _told(blocks: int, folder: Path) -> str:
    if not blocks:
        return "Nothing is counted in that time: Prometheus has no raw series of it, or it is maintenance."
    return (
        f"{counted(blocks, 'block')} in {folder}. Move what is in there into the data folder of Prometheus (--storage.tsdb.path): "
        "it is taken within minutes. What is older than the retention is deleted again."
    )
