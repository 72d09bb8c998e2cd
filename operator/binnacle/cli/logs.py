"""Log lines of the operator: text for people, or one JSON object a line for collectors."""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from binnacle.errors import untold


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


def set_up(log_format: LogFormat, level: str) -> None:
    """Send the log to standard error. What libraries say below warnings is left out: they narrate every watch."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format is LogFormat.JSON else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("binnacle").setLevel(level.upper())
    # What fails in them is told by us, in one line; theirs are tracebacks, and may quote credentials.
    for library in ("kopf", "kubernetes"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    # Below its first line it spells the task, with its exception.
    logging.getLogger("asyncio").addFilter(_first_line)


def set_up_commands() -> None:
    """Let commands that have no log tell of defects as the operator does: types and places, no values."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Untold())


def _first_line(record: logging.LogRecord) -> bool:
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Untold(logging.Formatter):
    """Tells no value that a defect quotes."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name of the standard library
        return untold(ei[1]) if ei[1] is not None else ""


class _Text(_Untold):
    """`time level message key=value`; what users wrote cannot begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_time(record), record.levelname.lower(), record.getMessage()]
        parts += [f"{name}={json.dumps(str(value), ensure_ascii=False)}" for name, value in _extra(record).items()]
        line = " ".join(parts).replace("\n", "\\n")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(_Untold):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        line |= {"message": record.getMessage(), **{name: str(value) for name, value in _extra(record).items()}}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
