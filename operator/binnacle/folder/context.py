"""The administrator's configuration, read from a file."""

from pathlib import Path

from pydantic import ValidationError

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.problems import findings_of
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.compose import LIMITS, Problem, Unreadable, compose
from binnacle.folder.document import Document, Piece


def read_config(path: Path | None) -> Config:
    """Read a configuration file, or take the defaults when there is none.

    Raises:
        SpecError: the file is no configuration; the message has a line for each mistake, with its place, its field and
            what to write instead. Path, reason and fix are those of the first.
        BinnacleError: the file cannot be read.
    """
    if path is None:
        return Config.from_data({})
    text = _text(path)
    try:
        composed = list(compose(text))
    except Unreadable as error:
        raise _refused(path, [error.problem]) from error
    problems = [problem for one in composed for problem in one.problems if problem.severity is Severity.ERROR]
    if problems:
        raise _refused(path, problems)
    values = [one.value for one in composed if one.value is not None]
    if len(values) > 1:
        raise SpecError(
            f"{path} holds {len(values)} documents, and a configuration is one. Leave out what follows ---."
        )
    data = values[0] if values else {}
    if not isinstance(data, dict):
        raise SpecError(f"{path} must hold fields and their values, such as `instance: default`.")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        found = findings_of(error, data, Config)
        document = Document(
            data, Piece(str(path), text, 1), next(n for n, one in enumerate(composed) if one.value is data)
        )
        placed = sorted((document.position(one.path), one) for one in found)
        lines = [_line(path, *place, one) for place, one in placed]
        first = placed[0][1]
        raise SpecError("\n".join(lines), path=first.path, reason=first.reason.value, fix=first.fix) from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LIMITS.file_bytes + 1)
    except OSError as error:
        raise BinnacleError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > LIMITS.file_bytes:
        raise BinnacleError(f"{path} is too large for a configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BinnacleError(f"{path} cannot be read: it is not UTF-8 text") from error


def _refused(path: Path, problems: list[Problem]) -> SpecError:
    lines = [_place(path, one.line + 1, one.column + 1, one.message, one.fix) for one in problems]
    return SpecError("\n".join(lines), reason=problems[0].reason.value, fix=problems[0].fix)


def _line(path: Path, line: int, column: int, finding: Finding) -> str:
    return _place(
        path, line, column, f"{finding.path}: {finding.message}" if finding.path else finding.message, finding.fix
    )


def _place(path: Path, line: int, column: int, message: str, fix: str) -> str:
    return f"{path}:{line}:{column}: {message} {fix}".rstrip()
