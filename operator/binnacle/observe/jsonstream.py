"""One long JSON array inside an answer, taken element by element while the bytes arrive.

The answers of Prometheus that grow with the installation (all rules, all series) are one object with one long array in
it. Decoding them whole would hold tens of megabytes of small objects at once, and stop the event loop meanwhile.
"""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_ELEMENT = 8 * 1024 * 1024
"""Characters of one element, or of what surrounds the array, that are held before the answer is refused."""


_SEPARATOR = re.compile(r"\s*,?\s*")
_BEFORE, _INSIDE, _AFTER = "before", "inside", "after"


class ArrayStream:
    """Takes bytes, gives the elements of the array that is the value of `key`, and at the end all the rest.

    The array is found by its key: `"key":[` cannot occur inside a JSON string, where the quotes are escaped. Elements
    are objects. Every method raises `ValueError` (of which `json.JSONDecodeError` and `UnicodeDecodeError` are kinds)
    for bytes that are not JSON of this shape.
    """

    def __init__(self, key: str, *, max_element: int = MAX_ELEMENT) -> None:
        self._opening = re.compile(rf'"{re.escape(key)}"\s*:\s*\[')
        self._limit = max_element
        self._bytes = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder()
        self._head = ""
        self._pending = ""
        self._wanted = 0
        self._state = _BEFORE

    def feed(self, chunk: bytes) -> Iterator[Mapping[str, Any]]:
        """Yield the elements that are complete with `chunk`."""
        yield from self._take(self._bytes.decode(chunk))

    def close(self) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
        """Return the elements that were still held back and the whole answer with its array empty."""
        self._wanted = 0
        last = list(self._take(self._bytes.decode(b"", final=True)))
        if self._state is _INSIDE:
            raise ValueError("the answer ends inside its array")
        rest = json.loads(self._head + self._pending)
        if not isinstance(rest, dict):
            raise ValueError("the answer is not a JSON object")  # noqa: TRY004 - one class for every wrong shape
        return last, rest

    def _take(self, text: str) -> Iterator[Mapping[str, Any]]:
        self._pending += text
        if self._state is _BEFORE and (opening := self._opening.search(self._pending)):
            self._head = self._pending[: opening.end()]
            self._pending = self._pending[opening.end() :]
            self._state = _INSIDE
        if self._state is _INSIDE and len(self._pending) >= self._wanted:
            yield from self._elements()
        if len(self._pending) > self._limit:
            raise ValueError("one part of the answer is too large")

    def _elements(self) -> Iterator[Mapping[str, Any]]:
        at = 0
        while True:
            separator = _SEPARATOR.match(self._pending, at)
            start = separator.end() if separator else at
            mark = self._pending[start : start + 1]
            if mark == "]":
                self._state = _AFTER
                self._pending = self._pending[start:]
                return
            if mark not in ("{", ""):
                raise ValueError("the array holds something else than objects")
            try:
                element, at = self._json.raw_decode(self._pending, start)
            except json.JSONDecodeError:
                # Incomplete, or wrong: only more bytes can tell. Waiting for twice as many keeps the work linear.
                self._pending = self._pending[start:]
                self._wanted = 2 * len(self._pending)
                return
            yield element
