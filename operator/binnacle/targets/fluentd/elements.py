"""Fluentd's configuration as values: sections, their parameters, and the few kinds of value there are.

What cannot be written safely cannot be built: names and keys come from fixed alphabets, a key is there once, a text is
Unicode, and embedded Ruby has three forms only, `SecretFile`, `SecretPath` and `Prepared`, whose code is ours.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from binnacle.errors import SpecError
from binnacle.targets.fluentd.preludes import PRELUDES

KEY_PATTERN: Final = r"^(@type|@id|@label|@log_level|[A-Za-z_][A-Za-z0-9_.@-]*)$"
"""Keys that are the same text to Fluentd however they are written.

Of the keys with a leading `@` only the four of Fluentd itself: `@include` reads a file wherever it stands.
"""
_KEY: Final = re.compile(KEY_PATTERN[1:-1])
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_SECRET_PATH: Final = re.compile(r"/[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_PREPARED: Final = re.compile(r"[A-Za-z0-9_.]+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class ElementError(SpecError):
    """A name, key or value that Fluentd's configuration cannot hold; `message` says which and why."""

    def __init__(self, message: str, *, fix: str = ""):
        super().__init__(message, reason="InvalidValue", fix=fix)


@dataclass(frozen=True, slots=True)
class Json:
    """An array or hash parameter, as its one JSON spelling; it is written inside quotes, where no Ruby runs."""

    text: str

    @classmethod
    def of(cls, value: Mapping[str, Any] | Iterable[Any]) -> Self:
        """Spell a mapping or a sequence of JSON values; the order of a mapping is kept.

        Raises:
            ElementError: not JSON (NaN, a key that is no text, half a surrogate pair).
        """
        plain = dict(value) if isinstance(value, Mapping) else list(value)
        try:
            text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise ElementError(f"not a JSON value: {error}") from error
        return cls(_checked(text))


@dataclass(frozen=True, slots=True)
class SecretFile:
    """The content of a mounted file without its last line break, read by Fluentd when it loads the configuration.

    For plugins that have no parameter for a file of their own. A file that is not there reads as an empty text: the secret
    of one team that is missing must not keep the pipelines of all others from being loaded. The path is made of the alphabet
    of Kubernetes names, so it ends neither the Ruby text nor the quotes around it, and it goes nowhere (`..`).
    """

    path: str

    def __post_init__(self) -> None:
        _check_secret_path(self.path)


@dataclass(frozen=True, slots=True)
class SecretPath:
    """The path of a mounted file, or no value at all while there is no such file or nothing in it; checked as `SecretFile`.

    For plugins that read the file themselves, and that refuse to be loaded without it.
    """

    path: str

    def __post_init__(self) -> None:
        _check_secret_path(self.path)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text, and Ruby of ours that runs when the file is read, before any plugin is made.

    Attributes:
        text: the value; plain letters, digits, `_` and `.`.
        code: a key of `preludes.PRELUDES`, which has the Ruby.
    """

    text: str
    code: str

    def __post_init__(self) -> None:
        if not _PREPARED.fullmatch(self.text) or self.code not in PRELUDES:
            raise ElementError(f"{self.text!r} after {self.code!r} is not a value that can be prepared")


Value = str | int | float | bool | Json | SecretFile | SecretPath | Prepared
"""What a parameter holds. Durations are whole seconds (or a float), sizes whole bytes: Fluentd misreads units quietly."""


@dataclass(frozen=True, slots=True)
class Element:
    """A section: `<name argument>`, parameters, sections within, `</name>`.

    Attributes:
        name: letters, digits, `_`.
        argument: what follows the name (tag pattern, label, buffer keys); empty when there is none.
        params: keys and values in the order in which they are written.
        children: sections within, after the parameters.

    Raises:
        ElementError: a name, key, or text that cannot be written, or a key that is there twice.
    """

    name: str
    argument: str = ""
    params: tuple[tuple[str, Value], ...] = ()
    children: tuple["Element", ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ElementError(f"{self.name!r} is not a name of a section", fix="use letters, digits and _")
        _checked(self.argument)
        seen: set[str] = set()
        for key, value in self.params:
            if not _KEY.fullmatch(key):
                raise ElementError(
                    f"{key!r} is not a key that can be written into Fluentd's configuration",
                    fix="use letters, digits, _ . @ and -, and begin with a letter or _",
                )
            if key in seen:
                raise ElementError(f"the key {key!r} is there twice in <{self.name}>; Fluentd would use the last one")
            seen.add(key)
            _check_value(key, value)


def element(
    name: str,
    argument: str = "",
    params: Mapping[str, Value | None] | None = None,
    children: Iterable[Element] = (),
) -> Element:
    """Build a section; parameters whose value is None are left out.

    Raises:
        ElementError: as `Element`.
    """
    given = tuple((key, value) for key, value in (params or {}).items() if value is not None)
    return Element(name, argument, given, tuple(children))


def is_key(text: str) -> bool:
    """Whether `text` can be a key: the test for field names before they come here."""
    return _KEY.fullmatch(text) is not None


def _check_secret_path(path: str) -> None:
    if not _SECRET_PATH.fullmatch(path):
        raise ElementError(
            f"{path!r} is not a path to a secret",
            fix="use an absolute path of names from letters, digits, dots, - and _",
        )


def _check_value(key: str, value: Value) -> None:
    if isinstance(value, str):
        _checked(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ElementError(f"{value} of {key!r} is not a number that Fluentd reads")


def _checked(text: str) -> str:
    if _SURROGATE.search(text):
        raise ElementError("half a surrogate pair is not text", fix="write whole characters")
    return text
