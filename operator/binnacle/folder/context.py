"""The administrator's configuration, read from a file."""

from pathlib import Path

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.compose import LIMITS, Unreadable, compose


def read_config(path: Path | None) -> Config:
    """Read a configuration file, or take the defaults when there is none.

    Raises:
        SpecError: the file is no configuration; the message names the file, the field and the fix.
        BinnacleError: the file cannot be read.
    """
    if path is None:
        return Config.from_data({})
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BinnacleError(f"{path} cannot be read: {why}") from error
    if len(text) > LIMITS.file_bytes:
        raise BinnacleError(f"{path} is too large for a configuration")
    try:
        composed = list(compose(text))
    except Unreadable as error:
        raise SpecError(f"{path} is not YAML: {error.problem.message}") from error
    for one in composed:
        for problem in one.problems:
            if problem.severity is Severity.ERROR:
                raise SpecError(f"{path}:{problem.line + 1}: {problem.message}", fix=problem.fix)
    values = [one.value for one in composed if one.value is not None]
    if len(values) > 1 or not all(isinstance(value, dict) for value in values):
        raise SpecError(f"{path} must hold one mapping, the configuration")
    try:
        return Config.from_data(values[0] if values else {})
    except SpecError as error:
        place = f"{path}: {error.path}: " if error.path else f"{path}: "
        fix = f" {error.fix}" if error.fix else ""
        raise SpecError(f"{place}{error.message}{fix}", path=error.path, reason=error.reason, fix=error.fix) from error
