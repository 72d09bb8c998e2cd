"""What every command that compiles does first: read, fill in, compile, and find where each finding stands."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from binnacle.api.config import Config, RuleOutput
from binnacle.cli.options import day
from binnacle.cli.stack import calm_collector, make_room
from binnacle.control.onepass import Keep
from binnacle.control.toolchain import shipped
from binnacle.folder.compilation import Compilation, compile_reading
from binnacle.folder.context import read_config
from binnacle.folder.crew import together
from binnacle.folder.reader import read

__all__ = ["Compilation", "compile_paths", "offline"]


def compile_paths(
    paths: Iterable[str],
    context: Path | None,
    when: datetime | None,
    *,
    files: bool = False,
    earlier: Sequence[Mapping[str, Any]] = (),
    earlier_files: Mapping[str, str] | None = None,
    keep: Keep = Keep.MEANINGS,
) -> Compilation:
    """Read resources and compile them all.

    Args:
        paths: files, folders, `-`.
        context: the administrator's configuration.
        when: the date to compile for; None is today.
        files: spell the backends' own files instead of Kubernetes objects.
        earlier: objects that an earlier run has written, to keep the last good version of what does not compile now.
        earlier_files: the same where files were written, path -> text.
        keep: what is kept of each resource; where texts or findings are enough, all cores compile.

    Raises:
        BinnacleError: a path does not exist, or the configuration is unusable.
    """
    make_room()
    calm_collector()
    config = offline(read_config(context))
    reading = read(paths, stdin=sys.stdin.buffer)
    today: date = day(when, datetime.now(UTC).date())
    return compile_reading(
        reading,
        shipped(config),
        today,
        files=files,
        earlier_objects=earlier,
        earlier_files=earlier_files,
        keep=keep,
        crew=together,
    )


def offline(config: Config) -> Config:
    """Resolve `auto` where no cluster can be asked: PrometheusRule objects, what most clusters have."""
    if config.prometheus.output is not RuleOutput.AUTO:
        return config
    prometheus = config.prometheus.model_copy(update={"output": RuleOutput.OPERATOR})
    return config.model_copy(update={"prometheus": prometheus})
