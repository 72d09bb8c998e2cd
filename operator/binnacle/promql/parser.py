"""promql-parser, called: its tree, or what it says is wrong, whatever way it fails."""

from typing import Any

import promql_parser as rust

_PANIC = "pyo3_runtime"
"""Module of the exception that a Rust panic becomes; it derives from BaseException and cannot be imported."""


def parsed(source: str) -> Any:
    """promql-parser's tree of a text that the fences let pass, or its message as a string (never both: its trees are no strings)."""
    try:
        return rust.parse(source)
    except (ValueError, OverflowError) as error:
        return str(error)
    except BaseException as error:
        if type(error).__module__ != _PANIC:
            raise
        return f"the parser failed: {error}"
