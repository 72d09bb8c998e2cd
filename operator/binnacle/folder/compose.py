"""Composing: from the events of the YAML parser to plain values, within bounds and with positions.

The C loader's own composer ends the process on deep nesting and builds whatever tags ask for, so only libyaml's event
parser is used, whose stack lives on the heap. Values are built here, without recursion, and everything that JSON
cannot say (tags, non-string keys, infinities) or that would be lost without a word (a key written twice) is a problem
with a position.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

import yaml

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.folder.scalars import kubectl_differs, resolve

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most.

    Attributes:
        file_bytes: of one file; an API server takes 3 MiB a request.
        depth: of lists and maps inside one another.
        expanded_nodes: that aliases may add to the documents of one file.
        problems: that are listed of one document.
    """

    file_bytes: int = 3 * 1024 * 1024
    depth: int = 200
    expanded_nodes: int = 100_000
    problems: int = 100


LIMITS = Limits()


class Problem(NamedTuple):
    """Something wrong at a place; `line` and `column` count from 0 in the text that was parsed.

    `since` is the line on which the construct begins that should have ended, where that is another line.
    """

    severity: Severity
    reason: Reason
    path: Path
    line: int
    column: int
    message: str
    fix: str = ""
    since: int | None = None


class Place(NamedTuple):
    """Where a value stands, 0-based: its key (or list dash's content), its own start, and how it is written.

    `style` is the scalar's style as libyaml names it (`''` plain, `'`, `"`, `|`, `>`); None for anything whose text
    does not start right at `column`: maps, lists, aliases, and scalars behind a tag or an anchor.
    """

    key: tuple[int, int]
    line: int
    column: int
    end_line: int
    style: str | None


class Composed(NamedTuple):
    """One document: its value, where that starts (0-based), what is wrong, and places when they were asked for."""

    value: Any
    line: int
    column: int
    problems: tuple[Problem, ...]
    places: dict[Path, Place]


class Budget:
    """What aliases may still add, counted over the documents of a file: many small bombs are one large one."""

    __slots__ = ("left",)

    def __init__(self, limits: Limits):
        self.left = limits.expanded_nodes


class Unreadable(Exception):  # noqa: N818 - ends one document, never leaves the folder package
    """The rest of the text cannot be read; carries the one problem that says why."""

    def __init__(self, problem: Problem):
        super().__init__(problem.message)
        self.problem = problem


class _Absent:
    """No key yet. A class of its own, because None is a value that YAML can say."""


_MERGE = "<<"
_TAG = "tag:yaml.org,2002:"
_STRING_TAGS = frozenset({_TAG + "str", "!"})
_PLAIN_TAGS = {
    _TAG + "int": (int,),
    _TAG + "float": (int, float),
    _TAG + "bool": (bool,),
    _TAG + "null": (type(None),),
}


class _Frame:
    """A map or list that is open. `merges` are the values of `<<`, laid under the map when it closes."""

    __slots__ = ("anchor", "container", "height", "is_key", "key", "key_at", "merges", "size")

    def __init__(self, container: dict[str, Any] | list[Any], anchor: str | None, is_key: bool):
        self.container = container
        self.anchor = anchor
        self.is_key = is_key
        self.key: str | type[_Absent] = _Absent
        self.key_at = (0, 0)
        self.merges: list[Any] | None = None
        self.size = 1
        self.height = 1


def compose(
    text: str, limits: Limits = LIMITS, *, budget: Budget | None = None, places: bool = False
) -> Iterator[Composed]:
    """Yield the documents of a YAML text.

    Args:
        text: YAML; usually one document, but `...` may separate several.
        limits: depth, expansion and how many problems are listed.
        budget: shared by the texts of one file.
        places: record where every field stands, which costs about as much again as parsing.

    Raises:
        Unreadable: the text is not YAML from some place on, or exceeds a limit; documents before it were yielded.
    """
    builder: _Builder | None = None
    budget = budget or Budget(limits)
    try:
        for event in yaml.parse(text, Loader=yaml.CLoader):
            if builder is None:
                if isinstance(event, yaml.DocumentStartEvent):
                    builder = _Builder(limits, budget, places)
            elif isinstance(event, yaml.DocumentEndEvent):
                yield builder.done()
                builder = None
            else:
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_syntax(error)) from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="replace")
        line = before.count("\n")
        column = len(before) - before.rfind("\n") - 1
        message = f"The character #x{_code(error.character):04x} is not allowed in YAML."
        raise Unreadable(Problem(Severity.ERROR, Reason.YAML_SYNTAX, (), line, column, message)) from None


def _code(character: object) -> int:
    return character if isinstance(character, int) else ord(str(character)[:1] or "\0")


_HINTS: Final = {
    "mapping values are not allowed": "Put a text that has a colon and a space in it in quotes; or indent the key as its neighbours.",
    "cannot start any token": "Put a text that begins with this character in quotes.",
    "parsing a flow": "Close the [ or { before it.",
    "unexpected end of stream": "Close the quotes.",
}
"""Words of the parser -> what mostly helps."""


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark: Any = error.problem_mark or error.context_mark
    said = ", ".join(str(part) for part in (error.context, error.problem) if part) or "something is wrong"
    message = f"This is not YAML: {said}."
    line, column = (mark.line, mark.column) if mark else (0, 0)
    began: Any = error.context_mark
    since = began.line if began and began.line != line else None
    fix = next((fix for words, fix in _HINTS.items() if words in said), "")
    return Problem(Severity.ERROR, Reason.YAML_SYNTAX, (), line, column, message, fix, since)


class _Builder:
    """Builds one document from its events."""

    def __init__(self, limits: Limits, budget: Budget, record: bool):
        self._limits = limits
        self._budget = budget
        self._start: tuple[int, int] | None = None
        self._stack: list[_Frame] = []
        self._root: Any = None
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._problems: list[Problem] = []
        self._places: dict[Path, Place] | None = {} if record else None

    def done(self) -> Composed:
        return Composed(self._root, *(self._start or (0, 0)), tuple(self._problems), self._places or {})

    def take(self, event: Any) -> None:
        """Take one event between a document's start and its end."""
        if self._start is None:
            self._start = (event.start_mark.line, event.start_mark.column)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    # -- events ---------------------------------------------------------------------------------------------------

    def _scalar(self, event: Any) -> None:
        text = event.value
        value: Any = text
        plain = event.implicit[0]
        if event.tag is not None:
            value = self._tagged(event)
        elif plain:
            value = resolve(text)
            differs, other = kubectl_differs(text, value)
            if differs:
                self._ambiguous(event, text, value, other)
            if isinstance(value, float) and value - value != 0:
                self._problem(
                    event, Reason.YAML_UNSUPPORTED, f"{text} cannot be said in JSON.", "Write a finite number."
                )
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is _Absent and isinstance(frame.container, dict):
            if not isinstance(value, str):
                self._problem(
                    event, Reason.YAML_UNSUPPORTED, f"The key {text or '(empty)'} is not text.", "Quote the key."
                )
                value = text
            self._key(frame, value, event, merge=plain and value == _MERGE)
            return
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1, 0)
        self._value(value, event, size=1, height=0)

    def _open(self, container: dict[str, Any] | list[Any], event: Any) -> None:
        if event.tag is not None and event.tag not in ("!", _TAG + ("map" if isinstance(container, dict) else "seq")):
            self._refuse_tag(event)
        frame = self._stack[-1] if self._stack else None
        is_key = frame is not None and frame.key is _Absent and isinstance(frame.container, dict)
        if is_key:
            self._problem(event, Reason.YAML_UNSUPPORTED, "A map or a list cannot be a key.", "Write the key as text.")
        elif self._places is not None:
            self._record(event, None)
        if len(self._stack) >= self._limits.depth:
            self._too_deep(event)
        if event.anchor is not None:
            # An alias inside it would make it contain itself.
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(container, event.anchor, is_key))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        container = frame.container
        if frame.merges is not None and isinstance(container, dict):
            for source in frame.merges:
                for key, value in source.items():
                    container.setdefault(key, value)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (container, frame.size, frame.height)
        if frame.is_key:
            parent = self._stack[-1]
            self._key(parent, f"?{len(parent.container)}", event, merge=False)
        else:
            self._value(container, event, size=frame.size, height=frame.height, recorded=True)

    def _alias(self, event: Any) -> None:
        try:
            value, size, height = self._anchors[event.anchor]
        except KeyError:
            message = f"*{event.anchor} stands for nothing: no &{event.anchor} ends before it."
            self._stop(event, Reason.YAML_SYNTAX, message, "Put a text that begins with * in quotes.")
        if len(self._stack) + height > self._limits.depth:
            self._too_deep(event)
        self._budget.left -= size
        if self._budget.left < 0:
            message = f"Aliases expand to more than {self._limits.expanded_nodes} values."
            self._stop(event, Reason.YAML_TOO_LARGE, message, "Write fewer aliases of aliases.")
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is _Absent and isinstance(frame.container, dict):
            if not isinstance(value, str):
                self._problem(
                    event, Reason.YAML_UNSUPPORTED, f"The key *{event.anchor} is not text.", "Write the key out."
                )
            self._key(frame, str(value) if size == 1 else f"?{len(frame.container)}", event, merge=False)
            return
        self._value(_copy(value), event, size=size, height=height)

    # -- building -------------------------------------------------------------------------------------------------

    def _key(self, frame: _Frame, key: str, event: Any, *, merge: bool) -> None:
        # An unquoted << is not a key of the map: its value goes to `merges`. Quoted it is a key like any other.
        frame.key = _MergeKey(key) if merge else key
        frame.key_at = (event.start_mark.line, event.start_mark.column)
        if merge and frame.merges is None:
            frame.merges = []
        elif merge:
            self._problem(event, Reason.DUPLICATE_FIELD, "The map has a second <<.", "List both: <<: [*a, *b].")
        elif key in frame.container:
            self._problem(
                event, Reason.DUPLICATE_FIELD, f"{key} is written twice in the same map.", "Keep one of them."
            )

    def _value(self, value: Any, event: Any, *, size: int, height: int, recorded: bool = False) -> None:
        if self._places is not None and not recorded:
            self._record(event, getattr(event, "style", None))
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        container = frame.container
        if isinstance(container, list):
            container.append(value)
            return
        key = frame.key
        frame.key = _Absent
        if isinstance(key, _MergeKey):
            self._merge(frame, value, event)
        elif isinstance(key, str):
            container[key] = value

    def _merge(self, frame: _Frame, value: Any, event: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            frame.merges = [*(frame.merges or ()), *sources]
        else:
            self._problem(event, Reason.YAML_UNSUPPORTED, "<< takes a map or a list of maps.", "Point it at a map.")

    def _tagged(self, event: Any) -> Any:
        if event.tag in _STRING_TAGS:
            return event.value
        types = _PLAIN_TAGS.get(event.tag)
        if types is None:
            self._refuse_tag(event)
            return event.value
        value = resolve(event.value)
        if type(value) not in types:
            tag = event.tag.removeprefix(_TAG)
            self._problem(event, Reason.YAML_UNSUPPORTED, f"{event.value} is not a !!{tag}.", "Take the tag away.")
        return float(value) if event.tag == _TAG + "float" and isinstance(value, int) else value

    # -- problems -------------------------------------------------------------------------------------------------

    def _ambiguous(self, event: Any, text: str, value: Any, other: Any) -> None:
        ours = f'the text "{text}"' if isinstance(value, str) else f"the number {value}"
        theirs = f"the boolean {str(other).lower()}" if isinstance(other, bool) else f"the number {other}"
        message = f"{text} is {ours} in YAML 1.2, but kubectl reads it as {theirs}."
        fix = f'Quote it ("{text}"), or write the value that is meant.'
        self._problem(event, Reason.AMBIGUOUS_VALUE, message, fix, severity=Severity.WARNING)

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace(_TAG, "!!", 1)
        self._problem(event, Reason.YAML_UNSUPPORTED, f"The tag {tag} has no meaning here.", "Take the tag away.")

    def _too_deep(self, event: Any) -> NoReturn:
        message = f"Lists and maps are nested more than {self._limits.depth} deep."
        self._stop(event, Reason.YAML_TOO_DEEP, message, "Nest less.")

    def _problem(
        self, event: Any, reason: Reason, message: str, fix: str, *, severity: Severity = Severity.ERROR
    ) -> None:
        # The first error is always listed: it decides whether the document is used.
        is_first = severity is Severity.ERROR and all(problem.severity is not severity for problem in self._problems)
        if is_first or len(self._problems) < self._limits.problems:
            mark = event.start_mark
            self._problems.append(Problem(severity, reason, self._here(), mark.line, mark.column, message, fix))

    def _stop(self, event: Any, reason: Reason, message: str, fix: str) -> NoReturn:
        mark = event.start_mark
        raise Unreadable(Problem(Severity.ERROR, reason, (), mark.line, mark.column, message, fix))

    def _here(self) -> Path:
        """Path of the value that comes next."""
        path: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.container, list):
                path.append(len(frame.container))
            elif isinstance(frame.key, str):
                path.append(str(frame.key))
        return tuple(path)

    def _record(self, event: Any, style: str | None) -> None:
        mark = event.start_mark
        at = (mark.line, mark.column)
        frame = self._stack[-1] if self._stack else None
        key_at = frame.key_at if frame is not None and isinstance(frame.container, dict) else at
        bare = getattr(event, "anchor", None) is None and getattr(event, "tag", None) is None
        place = Place(key_at, *at, event.end_mark.line, style if bare else None)
        if self._places is not None:
            self._places[self._here()] = place


class _MergeKey(str):
    """The key `<<`, unquoted."""

    __slots__ = ()


def _copy(value: Any) -> Any:
    """Copy what an alias stands for, so that nothing is shared; as deep as `Limits.depth` at most."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
