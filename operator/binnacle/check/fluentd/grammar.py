"""Fluentd's configuration language (v1) read as Fluentd reads it, except that nothing is run and nothing is fetched.

Pinned to what Fluentd 1.16, 1.18 and 1.19 answered for 1,667 texts (tests/data/fluentd/parse.json). Embedded Ruby becomes a
value of its own (`Computed`) and is listed in `Parsed.ruby`; `@include` reads from the files that are given. The messages
of syntax errors are Fluentd's own, so that they can be looked up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from binnacle.check.fluentd import rubyjson
from binnacle.check.fluentd.include import UnusableIncludeError, matching
from binnacle.check.fluentd.jsonvalue import JsonLexer, completed, unmarked
from binnacle.check.fluentd.ruby import code_end
from binnacle.check.fluentd.sections import FluentdSyntaxError, Parsed, RubyCode, Section, Text, joined

_SPACING: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+(?:[\r\n]|\Z))*+")
_BLANKS: Final = re.compile(r"[ \t\r\n]++")
_LINE_END: Final = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?(?:\Z|[\r\n]))+")
_LINE_BREAK: Final = re.compile(r"\Z|[\r\n]")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_BARE_KEY: Final = re.compile(r"[^ \t\r\n]++")
_BARE_VALUE: Final = re.compile(r"(?:[^ \t\r\n]++|[ \t]++(?![\r\n#]|\Z))*+")
_ROOT_INCLUDE: Final = re.compile(r"(@?include)(?=[ \t\r\n#]|\Z)")
_ARGUMENT_TEXT: Final = re.compile(r"#|[^ \t\r\n>#]++")
_ARGUMENT_GAP: Final = re.compile(r"[ \t\r]++")
_GAP: Final = re.compile(r"[ \t\r\n]*+")
_LINE_STOP: Final = re.compile(r"[\r\n]|\Z")
_SINGLE: Final = re.compile(r"((?:[^'\\\n]|\\.|\\(?=\Z))*+)(')?")
_DOUBLE_TEXT: Final = re.compile(r'[^"\\#\r\n]+(?![\r\n]|\Z)')
_INTERPOLATED_LATER: Final = re.compile(r"\n\{[^}]+\}")

_ESCAPED: Final = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "b": "\b", "0": "\0"}
_OWN_KEYS: Final = frozenset({"@type", "@id", "@label", "@log_level"})
_STRICT_SECTIONS: Final = frozenset({"match", "source", "filter", "system"})
_MOST_LEVELS: Final = 100
"""Sections within sections; Fluentd has no limit but its stack."""
_MOST_INCLUDES: Final = 1000
_MOST_COMMENTS: Final = 200
"""Places in one bare JSON value where a comment may begin; each is tried by reading all the JSON before it."""


def parse(
    text: str | bytes, *, files: Mapping[str, str] | None = None, name: str = "fluent.conf", ruby_in_json: bool = True
) -> Parsed:
    """Read a configuration file.

    Args:
        text: the file's content.
        files: what `@include` may find, by path relative to the file's folder (or absolute).
        name: of the file, for errors.
        ruby_in_json: whether bare JSON runs embedded Ruby (Fluentd 1.18 and later; 1.16 does not).

    Raises:
        FluentdSyntaxError: Fluentd would not load it.
    """
    reading = _Reading(dict(files or {}), ruby_in_json)
    draft = _Draft()
    reader = _Reader(_decoded(text, name), name, "", reading)
    reader.section(None, draft, 0)
    reader.finish()
    return Parsed(
        Section("ROOT", "", tuple(draft.params.items()), tuple(draft.sections), name, 1),
        tuple(reading.ruby),
        tuple(reading.warnings),
        tuple(reading.included),
        tuple(reading.empty_includes),
        tuple(reading.inner_includes),
        tuple(reading.duplicates),
    )


def _decoded(text: str | bytes, name: str) -> str:
    try:
        return text.decode() if isinstance(text, bytes) else text.encode().decode()
    except UnicodeError:
        raise FluentdSyntaxError("invalid byte sequence in UTF-8", name, 1) from None


@dataclass(slots=True)
class _Reading:
    """What is collected over a file and its includes."""

    files: dict[str, str]
    ruby_in_json: bool
    ruby: list[RubyCode] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    included: list[str] = field(default_factory=list)
    empty_includes: list[str] = field(default_factory=list)
    inner_includes: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """A section while it is read; an include adds to the one it stands in."""

    params: dict[str, Text] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)


class _Reader:
    """One file and the position in it."""

    def __init__(self, text: str, name: str, folder: str, reading: _Reading):
        self.text = text
        self.name = name
        self.folder = folder
        self.reading = reading
        self.at = 0
        self._counted = (0, 1)
        self._closes: dict[int, bool] = {}
        self._stop = (1, 0)

    # sections

    def section(self, name: str | None, draft: _Draft, level: int, *, root: bool = True) -> None:
        """Read parameters and sections up to the end tag of `name`, or to the end of the file at the root of one."""
        while True:
            self._spacing()
            if self.at == len(self.text):
                if root:
                    return
                raise self._error(f"expected end tag '</{name or ''}>' but got end of file")
            if self._skip("</"):
                self._end_tag(name)
                return
            if self._skip("<"):
                self._nested(draft, level)
            elif root and (include := _ROOT_INCLUDE.match(self.text, self.at)):
                self._root_include(include, draft, level)
            else:
                self._parameter(name, draft, level, root=root)

    def finish(self) -> None:
        """Refuse what is left after the root was closed by `</>`."""
        self._spacing()
        if self.at < len(self.text):
            raise self._error("expected EOF")

    def _end_tag(self, name: str | None) -> None:
        found = self._name()
        self._spacing()
        if not self._skip(">"):
            raise self._error("expected character in tag name")
        if not self._line_end():
            raise self._error("expected end of line after end tag")
        if found != name:
            raise self._error("unmatched end tag")

    def _nested(self, draft: _Draft, level: int) -> None:
        line = self._line()
        if level >= _MOST_LEVELS:
            raise self._error("sections are nested too deep")
        name = self._name()
        self._spacing()
        argument = self._argument()
        self._spacing()
        if not self._skip(">"):
            raise self._error("expected '>'")
        if not self._line_end():
            raise self._error("expected end of line after tag")
        inner = _Draft()
        self.section(name, inner, level + 1, root=False)
        draft.sections.append(
            Section(name or "", argument, tuple(inner.params.items()), tuple(inner.sections), self.name, line)
        )

    def _name(self) -> str | None:
        found = _NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def _argument(self) -> Text:
        quoted = self._quoted()
        if quoted is not None:
            return quoted
        start = self.at
        while self.at < len(self.text):
            # A gap that only leads to the `>` ends the argument; a `#` that begins it does not begin a comment.
            token = _ARGUMENT_TEXT.match(self.text, self.at)
            if token is None and not self._only_closes(self.at):
                token = _ARGUMENT_GAP.match(self.text, self.at)
            if token is None:
                break
            self.at = token.end()
        return self.text[start : self.at]

    def _only_closes(self, at: int) -> bool:
        """Whether only blanks and comments stand between `at` and a `>`; answers are kept, so that all of them are one pass."""
        passed: list[int] = []
        while at not in self._closes:
            passed.append(at)
            gap = _GAP.match(self.text, at)
            after = gap.end() if gap else at
            if not self.text.startswith("#", after):
                self._closes[at] = self.text.startswith(">", after)
            else:
                at = self._line_stop(after) + 1
                if at > len(self.text):
                    self._closes[at] = False
        answer = self._closes[at]
        self._closes.update(dict.fromkeys(passed, answer))
        return answer

    def _line_stop(self, at: int) -> int:
        """Return where the line of `at` ends, at a carriage return too."""
        low, high = self._stop
        if not low <= at <= high:
            found = _LINE_STOP.search(self.text, at)
            self._stop = (at, found.start() if found else len(self.text))
        return self._stop[1]

    # parameters

    def _parameter(self, section: str | None, draft: _Draft, level: int, *, root: bool) -> None:
        line = self._line()
        key = self._key()
        gap = self._bare(_BLANKS)
        if not gap and self.at < len(self.text):
            raise self._error("a quoted key needs a space after it")
        if self.at == len(self.text) or "\n" in gap:
            draft.params[str(key)] = ""
            return
        if key == "@include":
            self._include(draft, level, inner=not root)
            return
        if isinstance(key, str) and key.startswith("@") and key not in _OWN_KEYS:
            self._reserved(key, strict=root or section in _STRICT_SECTIONS)
        value = self._value()
        if not self._line_end():
            raise self._error("expected end of line")
        if str(key) in draft.params:
            self.reading.duplicates.append((section or "ROOT", str(key), line))
        draft.params[str(key)] = value

    def _reserved(self, key: str, *, strict: bool) -> None:
        if strict:
            raise self._error(
                f"'@' is the system reserved prefix. Don't use '@' prefix parameter in the configuration: {key}"
            )
        self.reading.warnings.append(
            "'@' is the system reserved prefix. It works in the nested configuration for now but it will be rejected: "
            + key
        )

    def _key(self) -> Text:
        quoted = self._quoted()
        return self._bare(_BARE_KEY) if quoted is None else quoted

    def _value(self) -> Text:
        if self.text.startswith(("[", "{"), self.at):
            return self._json()
        quoted = self._quoted()
        return self._bare(_BARE_VALUE) if quoted is None else quoted

    def _bare(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    # texts

    def _quoted(self) -> Text | None:
        if self._skip('"'):
            return self._double()
        if self._skip("'"):
            return self._single()
        return None

    def _single(self) -> str:
        found = _SINGLE.match(self.text, self.at)
        if found is None or found.group(2) is None:
            raise self._error("unexpected end of file in a single quoted string")
        self.at = found.end()
        return re.sub(r"\\(['\\])", r"\1", found.group(1))

    def _double(self) -> Text:
        parts: list[str | RubyCode] = []
        while not self._skip('"'):
            parts.append(self._double_part())
        return joined(parts)

    def _double_part(self) -> str | RubyCode:
        text, start = self.text, self.at
        plain_run = _DOUBLE_TEXT.match(text, start)
        if plain_run:
            self.at = plain_run.end()
            return plain_run.group()
        if start < len(text) and _LINE_BREAK.match(text, start + 1):
            # The character before a line break takes the break with it; a backslash there takes both away.
            self.at = min(start + 2, len(text))
            return "" if text[start] == "\\" else text[start : self.at]
        if self._skip("\\"):
            return self._escape()
        if self._skip("#{"):
            return self._ruby()
        if start == len(text) or text[start] == "\n":
            raise self._error("unexpected end of file in a double quoted string")
        self.at = start + 1
        return text[start]

    def _escape(self) -> str:
        character = self.text[self.at]
        if character in _ESCAPED:
            self.at += 1
            return _ESCAPED[character]
        if character.isascii() and character.isalnum():
            raise self._error(f"unexpected back-slash escape character '{character}'")
        self.at += 1
        return character

    def _ruby(self) -> RubyCode:
        end = code_end(self.text, self.at)
        if end is None:
            raise self._error(self.text[self.at :].split("\n", 1)[0])
        code = RubyCode(self.text[self.at : end], self.name, self._line())
        self.reading.ruby.append(code)
        self.at = end + 1
        return code

    # JSON

    def _json(self) -> Text:
        """Read a bare array or hash: comments are allowed where a line could end, `#{...}` runs wherever it stands."""
        text = self.text
        array = text[self.at] == "["
        incomplete = self._error(f"got incomplete JSON {'array' if array else 'hash'} configuration")
        mark = next((chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text), "\uf8ff")
        found: list[RubyCode] = []
        buffer = ""
        comments = 0
        lexer = JsonLexer()
        while self.at < len(text):
            character = text[self.at]
            self.at += 1
            if character == "#":
                comments += not lexer.in_string
                if comments > _MOST_COMMENTS:
                    raise incomplete
                if not lexer.in_string and rubyjson.canonical(completed(buffer, array=array)) is not None:
                    end = text.find("\n", self.at)
                    if end < 0:
                        raise incomplete
                    self.at = end + 1
                    character = "\n"
                elif self.reading.ruby_in_json and self._interpolates():
                    self._skip("{")
                    found.append(self._ruby())
                    marked = f"{mark}{len(found) - 1}{mark}"
                    buffer += marked if lexer.in_string else f'"{mark}{marked}{mark}"'
                    lexer.escaped = False
                    continue
            buffer += character
            if lexer.closes(character):
                spelled = rubyjson.canonical(buffer)
                if spelled is None:
                    raise incomplete
                return unmarked(spelled, mark, found)
        raise incomplete

    def _interpolates(self) -> bool:
        """Whether Fluentd runs what follows a `#` in JSON: it looks for `{...}` here, and at the beginning of every later line."""
        text, at = self.text, self.at
        if text.startswith("{", at) and not text.startswith("}", at + 1) and text.rfind("}", at) > at:
            return True
        return _INTERPOLATED_LATER.search(text, at) is not None

    # includes

    def _root_include(self, include: re.Match[str], draft: _Draft, level: int) -> None:
        if not include.group(1).startswith("@"):
            self.reading.warnings.append("'include' is deprecated. Use '@include' instead")
        self.at = include.end()
        self._spacing()
        self._include(draft, level)

    def _include(self, draft: _Draft, level: int, *, inner: bool = False) -> None:
        quoted = self._quoted()
        target = self._bare(_BARE_VALUE) if quoted is None else quoted
        if inner:
            self.reading.inner_includes.append(str(target))
        if isinstance(target, str):
            self._read_files(target, draft, level)
        self._line_end()

    def _read_files(self, target: str, draft: _Draft, level: int) -> None:
        try:
            names = matching(target, self.folder, self.reading.files)
        except UnusableIncludeError as error:
            raise self._error(f"include error {target} - {error}") from error
        if not names:
            self.reading.empty_includes.append(target)
        for name in names:
            if len(self.reading.included) >= _MOST_INCLUDES or level >= _MOST_LEVELS:
                raise self._error("too many files are included")
            self.reading.included.append(name)
            folder, _, base = name.rpartition("/")
            content = _decoded(self.reading.files[name], base)
            _Reader(content, base, folder, self.reading).section(None, draft, level + 1)

    # characters

    def _skip(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _spacing(self) -> None:
        found = _SPACING.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _line_end(self) -> bool:
        found = _LINE_END.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def _line(self) -> int:
        at, line = self._counted
        line += self.text.count("\n", at, self.at)
        self._counted = (self.at, line)
        return line

    def _error(self, message: str) -> FluentdSyntaxError:
        # As Fluentd counts: what stands at the beginning of a line is missing at the end of the one before.
        return FluentdSyntaxError(message, self.name, self.text.count("\n", 0, max(self.at - 1, 0)) + 1)
