r"""Programs: the few things that no plugin does safely, as fixed Ruby that gets its data as literals.

A program is an operation of ours (`runtime`) and data. Whatever a team wrote stands in the data only, and there every
character but letters, digits and a few marks is written as `\u{...}`: it cannot end a literal, begin an interpolation, or
be a second `${` for the plugin that takes the code. The plugin is record_modifier: it compiles the code once and changes
the record in place, so that what an error leaves behind, and hands to `@ERROR`, is what the program left there.
"""

import re
import string
from dataclasses import dataclass
from typing import Any, Final

from binnacle.targets.fluentd.elements import Element, ElementError, element
from binnacle.targets.fluentd.stages.runtime import FAILED, GUARD, OPERATIONS, REASONS

SCRATCH: Final = "lp_mark"
"""The field that holds a program's answer for the next filter, and that no record has outside of the stage."""
STREAM: Final = "lp_stream"
"""The field that tells lines of stdout and of stderr apart until the last stage that joins lines."""
TIME: Final = "lp_time"
"""The field that holds a new time of the event, in seconds."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _escape(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


class _Spelled(dict[str, str]):
    """Character -> how it stands in a literal."""

    def __missing__(self, character: str) -> str:
        return _escape(character)


_PLAIN: Final = f"{string.ascii_letters}{string.digits} _.,:;()-"
_SPELLED: Final = _Spelled({one: one if one in _PLAIN else _escape(one) for one in map(chr, range(128))})


@dataclass(frozen=True, slots=True)
class Program:
    """An operation and its data.

    Attributes:
        operation: a key of `runtime.OPERATIONS`.
        data: JSON values (tuples for lists).
    """

    operation: str
    data: Any

    @property
    def code(self) -> str:
        """The value of a `<record>` that runs it: what `check.fluentd.lint` is told to trust."""
        made = f"d = {literal(self.data)}\n{OPERATIONS[self.operation]}"
        reason = literal(REASONS.get(self.operation, FAILED))
        guard = GUARD % (reason, reason)
        return f"${{begin\n(@lp ||= begin\n{made}\nend).call(tag, time, record)\n{guard}}}"


def literal(value: Any) -> str:
    """Return a JSON value as a Ruby literal.

    Raises:
        TypeError: not a JSON value.
        ElementError: half a surrogate pair.
    """
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            if _SURROGATE.search(value):
                raise ElementError("half a surrogate pair is not text", fix="write whole characters")
            return '"' + "".join([_SPELLED[character] for character in value]) + '"'
        case list() | tuple():
            return "[" + ",".join(literal(item) for item in value) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} is no value of a program")


def applied(program: Program, *, keep_mark: bool = False) -> Element:
    """Return the filter that runs a program on every record.

    Args:
        program: what to run.
        keep_mark: whether its answer stays in `SCRATCH` for the next filter.
    """
    return element(
        "filter",
        "**",
        {"@type": "record_modifier", "remove_keys": None if keep_mark else SCRATCH},
        [element("record", "", {SCRATCH: program.code})],
    )
