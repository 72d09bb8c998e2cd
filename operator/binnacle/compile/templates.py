"""Go templates of alert annotations: text that stays text, and the few expressions that we write ourselves.

Prometheus expands every annotation with Go's text/template and refuses a whole rule file for one that does not parse. So
nothing of a user is a template here except references in the exact forms of `_REFERENCE`, which cannot fail to parse.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from binnacle.promql import to_text
from binnacle.promql.nodes import Node

_REFERENCE: Final = re.compile(
    r"\{\{ ?(?:\$labels\.[A-Za-z_][A-Za-z0-9_]{0,127}(?: ?\| ?(?:title|toUpper|toLower))?"
    r"|\$value(?: ?\| ?(?:humanize|humanize1024|humanizeDuration|humanizePercentage))?) ?\}\}",
    re.ASCII,
)
_OPENING: Final = re.compile(r"\{{2,}|\{\Z")


def literal(text: str) -> str:
    """Return a template that expands to exactly `text`, whatever stands behind it."""
    # A single brace at the end counts too: with what is put behind it, it may become an opening.
    return _OPENING.sub(lambda braces: '{{"' + braces.group() + '"}}', text)


def with_references(text: str) -> tuple[str, bool]:
    """Return a template in which plain references to `$labels` and `$value` work and everything else is literal.

    The second value says whether something else looked like a template.
    """
    parts, end, strange = [], 0, False
    for found in _REFERENCE.finditer(text):
        before = text[end : found.start()]
        strange = strange or "{{" in before
        parts += [literal(before), found.group()]
        end = found.end()
    strange = strange or "{{" in text[end:]
    return "".join([*parts, literal(text[end:])]), strange


def label(name: str) -> str:
    """Return a template for the value of an alert's label."""
    return "{{ $labels." + name + " }}"


def with_matchers(before: str, names: Sequence[str]) -> str:
    """Return a template for an alert's labels as matchers of PromQL, `a="x",b="y"`, percent-encoded.

    Args:
        before: stands before them where there are some.
        names: of the labels, in the order wanted; those that the alert does not have are left out.
    """
    if not names:
        return ""
    parts = []
    for place, name in enumerate(names):
        comma = "{{ if " + _any(names[:place]) + " }}%2C{{ end }}" if place else ""
        # Go's quoted strings are PromQL's.
        parts.append("{{ with $labels." + name + " }}" + comma + '{{ printf "' + name + '=%q" . | urlquery }}{{ end }}')
    return "{{ if " + _any(names) + " }}" + before + "".join(parts) + "{{ end }}"


def _any(names: Sequence[str]) -> str:
    labels = [f"$labels.{name}" for name in names]
    return labels[0] if len(labels) == 1 else f"or {' '.join(labels)}"


def percentage_of(expr: Node, labels: tuple[str, ...]) -> str:
    """Return a template for the current value of an expression as a percentage, or `no data`; see `_value_of`."""
    return _value_of(expr, "humanizePercentage", labels, "no data")


def duration_of(expr: Node, labels: tuple[str, ...], otherwise: str) -> str:
    """Return a template for the current value of an expression, seconds, as a length of time; see `_value_of`."""
    return _value_of(expr, "humanizeDuration", labels, otherwise)


def _value_of(expr: Node, shown_as: str, labels: tuple[str, ...], otherwise: str) -> str:
    """Return a template for the current value of an expression.

    Args:
        expr: made by us: its selectors have fixed names and values.
        shown_as: the template's function that prints it.
        labels: labels in which an element must equal the alert.
        otherwise: what is said where the expression has no element at all.
    """
    # JSON's string literals are Go's as long as they are ASCII, and everything in our selectors is.
    query = json.dumps(to_text(expr))
    value = "{{ .Value | " + shown_as + " }}"
    if labels:
        same = " ".join(f"(eq .Labels.{name} $labels.{name})" for name in labels)
        value = "{{ if and " + same + " }}" + value + "{{ end }}"
    return "{{ range query " + query + " }}" + value + "{{ else }}" + otherwise + "{{ end }}"
