"""Reading: from files, folders and standard input to our resources, with whatever is wrong as findings.

What is read is what `kubectl apply -f` would read: several documents in a file, Lists, JSON, other people's resources
in between (passed over with a note for each sort). A document that cannot be read never hides the others: the text is cut at its
`---` lines first, which YAML allows nowhere inside a document, and each piece is parsed by itself.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any, BinaryIO, NoReturn

from binnacle.api.findings import Finding, Severity
from binnacle.api.meta import API_VERSION, GROUP
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.api.registry import KINDS
from binnacle.errors import BinnacleError
from binnacle.folder.compose import LIMITS, Budget, Composed, Limits, Path, Problem, Unreadable, compose
from binnacle.folder.document import Document, Piece, Position, dotted, key_of
from binnacle.folder.foreign import Foreign
from binnacle.folder.located import NO_KEY, Located
from binnacle.intent.refs import Key

STDIN = "-"
SUFFIXES = frozenset({".yaml", ".yml", ".json"})

_MARKER = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        documents: our resources in the order of paths, files (by name) and places; each has a kind, a namespace and a
            name, and no two have the same.
        findings: what is wrong with files, and a note for each sort of documents that are not ours.
        texts: every file that is text, to show a line beside a finding.
    """

    documents: tuple[Document, ...]
    findings: tuple[Located, ...]
    texts: Mapping[str, str] = field(repr=False)


def read(
    paths: Iterable[str],
    *,
    stdin: BinaryIO | None = None,
    namespace: str = "default",
    limits: Limits = LIMITS,
) -> Reading:
    """Read resources.

    Args:
        paths: files, folders (read recursively: `.yaml`, `.yml`, `.json`, hidden ones left out), `-` for `stdin`.
            A file that is reached twice is read once.
        stdin: bytes of standard input.
        namespace: given to resources that name none, as kubectl does.
        limits: how much is read.

    Raises:
        BinnacleError: a path does not exist. Everything else that can go wrong is a finding.
    """
    reader = _Reader(namespace, limits)
    for file, path in _files(paths):
        reader.file(file, path, stdin)
    return reader.reading()


def read_text(text: str, *, file: str = STDIN, namespace: str = "default", limits: Limits = LIMITS) -> Reading:
    """Read resources from a text; `file` is the name that findings give it."""
    reader = _Reader(namespace, limits)
    reader.text(file, text)
    return reader.reading()


def read_any(paths: Iterable[str], *, stdin: BinaryIO | None = None, limits: Limits = LIMITS) -> Reading:
    """Read documents of whatever kind, as `read` does: Lists and documents that are lists are taken apart.

    Nothing is asked of a document but that it can be read; one that is no map comes as it is. The reading has no notes
    about documents that are not ours.
    """
    reader = _AnyReader("", limits)
    for file, path in _files(paths):
        reader.file(file, path, stdin)
    return reader.reading()


def read_any_text(text: str, *, file: str = STDIN, limits: Limits = LIMITS) -> Reading:
    """Read documents of whatever kind from a text, as `read_any` does; `file` is the name that findings give it."""
    reader = _AnyReader("", limits)
    reader.text(file, text)
    return reader.reading()


def _files(paths: Iterable[str]) -> Iterator[tuple[str, FilePath | None]]:
    seen: set[FilePath | None] = set()
    for given in paths:
        for path in _below(given):
            identity = path.resolve() if path is not None else None
            if identity not in seen:
                seen.add(identity)
                yield (STDIN if path is None else path.as_posix()), path


def _below(given: str) -> Iterator[FilePath | None]:
    if given == STDIN:
        yield None
        return
    path = FilePath(given)
    if path.is_dir():
        found = (
            below
            for below in path.rglob("*")
            if below.suffix in SUFFIXES
            and not any(part.startswith(".") for part in below.relative_to(path).parts)
            and below.is_file()
        )
        yield from sorted(found)
    elif path.exists():
        yield path
    else:
        raise BinnacleError(f"{given}: no such file or folder")


class _Reader:
    """Collects documents and findings over all files."""

    def __init__(self, namespace: str, limits: Limits):
        self.documents: list[Document] = []
        self.findings: list[Located] = []
        self.texts: dict[str, str] = {}
        self._namespace = namespace
        self._limits = limits
        self._seen: dict[Key, str] = {}
        self._foreign = Foreign()

    def reading(self) -> Reading:
        """Return what was read, after the last file."""
        return Reading(tuple(self.documents), (*self.findings, *self._foreign.notes()), self.texts)

    def file(self, file: str, path: FilePath | None, stdin: BinaryIO | None) -> None:
        """Read one file, or standard input where `path` is None."""
        most = self._limits.file_bytes
        try:
            if path is not None:
                with path.open("rb") as stream:
                    data = stream.read(most + 1)
            elif stdin is not None:
                data = stdin.read(most + 1)
            else:
                data = b""
        except OSError as error:
            message = f"The file cannot be read: {error.strerror or error}."
            self._add(file, _problem(Reason.FILE_UNREADABLE, message, "Make it readable, or leave it out."))
            return
        if len(data) > most:
            message = f"The file is larger than {most / 2**20:g} MiB, more than a Kubernetes API server takes at once."
            self._add(file, _problem(Reason.YAML_TOO_LARGE, message, "Split it."))
            return
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start)
            problem = _problem(Reason.FILE_UNREADABLE, "The file is not UTF-8 text.", "Save it as UTF-8.")._replace(
                line=line
            )
            self._add(file, problem, 1)
            return
        self.text(file, text)

    def text(self, file: str, text: str) -> None:
        """Read a whole text, document by document."""
        self.texts[file] = text
        budget = Budget(self._limits)
        for first_line, part in _pieces(text):
            piece = Piece(file, part, first_line)
            if not (part.lstrip()[:1] in ("{", "[") and self._json(piece)):
                self._yaml(piece, budget)

    def _yaml(self, piece: Piece, budget: Budget) -> None:
        try:
            for index, composed in enumerate(compose(piece.text, self._limits, budget=budget)):
                self._document(piece, index, composed)
        except Unreadable as stop:
            self._add(piece.file, _with_hint(stop.problem, piece), piece.first_line)

    def _json(self, piece: Piece) -> bool:
        """Read JSON as JSON, which YAML reads almost but not quite; False when YAML has to say what is wrong."""
        try:
            value = json.loads(piece.text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
            # Half a surrogate pair and numbers beyond a double come out of json.loads, but are neither text nor JSON.
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            return False
        if _height(value, self._limits.depth) > self._limits.depth:
            return False
        before = len(piece.text) - len(piece.text.lstrip())
        line = piece.text.count("\n", 0, before)
        column = before - (piece.text.rfind("\n", 0, before) + 1)
        self._document(piece, 0, Composed(value, line, column, (), {}))
        return True

    def _document(self, piece: Piece, index: int, composed: Composed) -> None:
        value, problems = composed.value, composed.problems
        if value is None and not problems:
            return
        if not (isinstance(value, dict) and _is_list(value)):
            document = Document(value if isinstance(value, dict) else {}, piece, index)
            self._take(document, problems, Position(piece.first_line + composed.line, composed.column + 1))
            return
        self._items(piece, index, value["items"], ("items",), problems)

    def _items(self, piece: Piece, index: int, items: list[Any], at: Path, problems: Iterable[Problem]) -> None:
        """Take the items of a list apart; `at` is the list's place in the document."""
        of_item: dict[int, list[Problem]] = {}
        length = len(at)
        for problem in problems:
            number = problem.path[length] if len(problem.path) > length and problem.path[:length] == at else None
            if isinstance(number, int):
                of_item.setdefault(number, []).append(problem._replace(path=problem.path[length + 1 :]))
            else:
                self._add(piece.file, problem, piece.first_line)
        for number, item in enumerate(items):
            document = Document(item if isinstance(item, dict) else {}, piece, index, (*at, number))
            self._take(document, of_item.get(number, ()), None)

    def _take(self, document: Document, problems: Iterable[Problem], position: Position | None) -> None:
        if _is_ours(document.obj):
            self._resource(document, problems)
        elif _is_nearly_ours(document.obj):
            self._warn(document)
        else:
            self._foreign.add(document, position)

    def _resource(self, document: Document, problems: Iterable[Problem]) -> None:
        metadata = document.obj.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("namespace"):
            metadata["namespace"] = self._namespace
        for problem in problems:
            self._add(document.file, problem, document.piece.first_line, document.key)
        if any(problem.severity is Severity.ERROR for problem in problems):
            return
        if self._has_identity(document) and self._is_new(document):
            self.documents.append(document)

    def _has_identity(self, document: Document) -> bool:
        key = document.key
        parts = {"kind": key.kind, "metadata.namespace": key.namespace, "metadata.name": key.name}
        missing = [path for path, part in parts.items() if not part]
        for path in missing:
            message = f"{path} is missing, or is not text."
            finding = Finding(Severity.ERROR, Reason.MISSING_FIELD, path, message, f"Write {path} as text.")
            self.findings.append(Located(finding, key, document.file, *document.position(path)))
        return not missing

    def _is_new(self, document: Document) -> bool:
        key = document.key
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = document.file
            return True
        where = "further up in this file" if first == document.file else f"in {first}"
        message = f"{key.kind} {key.name} of namespace {key.namespace} is already defined {where}."
        finding = Finding(
            Severity.ERROR,
            Reason.DUPLICATE_RESOURCE,
            "metadata.name",
            message,
            "Keep one of them, or give one another name.",
        )
        position = document.position("metadata.name")
        self.findings.append(Located(finding, key, document.file, *position))
        return False

    def _warn(self, document: Document) -> None:
        """Say that a document is nearly ours: silence would say that it is good."""
        key = key_of(document.obj)
        finding = Finding(
            Severity.WARNING,
            Reason.NOT_A_RESOURCE,
            "apiVersion",
            f"{f'{key.kind} {key.name}'.strip()} is not of {GROUP} and is passed over.",
            f"Write apiVersion: {API_VERSION}, if it is meant to be.",
        )
        self.findings.append(Located(finding, key, document.file, *document.position("apiVersion")))

    def _add(self, file: str, problem: Problem, first_line: int | None = None, key: Key = NO_KEY) -> None:
        finding = Finding(problem.severity, problem.reason, dotted(problem.path), problem.message, problem.fix)
        if first_line is None:
            self.findings.append(Located(finding, key, file))
        else:
            self.findings.append(Located(finding, key, file, first_line + problem.line, problem.column + 1))


class _AnyReader(_Reader):
    """Collects documents of whatever kind."""

    def _document(self, piece: Piece, index: int, composed: Composed) -> None:
        if isinstance(composed.value, list):
            self._items(piece, index, composed.value, (), composed.problems)
        else:
            super()._document(piece, index, composed)

    def _take(self, document: Document, problems: Iterable[Problem], _position: Position | None) -> None:
        problems = tuple(problems)
        for problem in problems:
            self._add(document.file, problem, document.piece.first_line)
        if not any(problem.severity is Severity.ERROR for problem in problems):
            self.documents.append(document)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text before each `---` line; yields the line (from 1) on which each piece begins."""
    starts = [match.start() for match in _MARKER.finditer(text)]
    bounds = [0, *(start for start in starts if start > 0), len(text)]
    line = 1
    for begin, end in pairwise(bounds):
        piece = text[begin:end]
        if end < len(text) and "%" in piece:
            piece = _without_directives(piece)
        if piece.strip() not in ("", "---"):
            yield line, piece
        line += text.count("\n", begin, end)


def _without_directives(piece: str) -> str:
    """Blank the `%YAML 1.2` lines at the end of a piece: they belong to the marker after it, and say nothing we need."""
    lines = piece.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].strip()
        if line.startswith("%"):
            lines[index] = ""
        elif line and not line.startswith("#"):
            break
    return "\n".join(lines)


def _is_ours(obj: dict[str, Any]) -> bool:
    version = obj.get("apiVersion")
    return isinstance(version, str) and version.startswith(f"{GROUP}/")


def _is_nearly_ours(obj: dict[str, Any]) -> bool:
    """Say whether a document has one of our kinds, and a group that is spelled almost as ours or missing."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if not (isinstance(kind, str) and kind in KINDS):
        return False
    return version is None or (isinstance(version, str) and bool(nearest(version.partition("/")[0], (GROUP,))))


def _is_list(obj: dict[str, Any]) -> bool:
    kind = obj.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and isinstance(obj.get("items"), list)


def _problem(reason: Reason, message: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, reason, (), 0, 0, message, fix)


def _with_hint(problem: Problem, piece: Piece) -> Problem:
    """Add what to do about the mistakes behind most syntax errors."""
    if problem.reason is not Reason.YAML_SYNTAX:
        return problem
    line = piece.lines[problem.line] if problem.line < len(piece.lines) else ""
    if "{{" in piece.text:
        return problem._replace(fix="This looks like a template: render it first, for example with `helm template`.")
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return problem._replace(fix="Indent with spaces: YAML does not allow tabs there.")
    if problem.since is not None:
        return problem._replace(fix=f"What does not end there begins on line {piece.first_line + problem.since}.")
    return problem


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    obj = dict(pairs)
    if len(obj) != len(pairs):
        raise ValueError("a key is written twice")
    return obj


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _height(value: Any, most: int) -> int:
    """Depth of lists and maps inside one another, counted level by level and no further than `most` + 1."""
    level = [value]
    height = 0
    while height <= most:
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in ((item.values() if isinstance(item, dict) else item) or (None,))
        ]
        if not level:
            break
        height += 1
    return height
