"""JSON in its one spelling: sorted keys, no spaces, UTF-8, as everything is written, hashed and compared.

orjson spells it; what orjson does not take (an integer beyond 64 bits, a key that is no text, a mapping that is no dict, more than
254 levels) the standard library does, or refuses. Both spell alike but for floats with an exponent (`1e16` and `1e+16`) and for
those that JSON has not (`null` and `NaN`), so what is spelled depends on the value alone. See docs/adr/0029.
"""

import json
from typing import Any, Final

import orjson

_SORTED: Final = (
    orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)  # what only looks like JSON is a mistake
_STANDARD: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def spelled(value: Any) -> bytes:
    """Return the spelling of a value.

    Raises:
        TypeError: it is none of JSON.
        UnicodeEncodeError: a text in it is none: it has half of a surrogate pair.
    """
    try:
        # A copy: what orjson returns lies in a block that may be many times as large, and texts are kept for long.
        return bytes(memoryview(orjson.dumps(value, option=_SORTED)))
    except TypeError:
        return _STANDARD.encode(value).encode()
