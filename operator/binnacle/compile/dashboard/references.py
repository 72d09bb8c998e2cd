"""Variables of Grafana that a text names, and whether they are there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.promql.lexer import VARIABLE, Kind, Token

_IN_TEXT: Final = re.compile(VARIABLE, re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable named in a text: `column` is 1-based; `quoted` inside a string, where Grafana leaves unknown ones alone."""

    name: str
    column: int
    quoted: bool

    @property
    def ours(self) -> bool:
        """Whether it is for the dashboard to define: `$__interval` and its like are Grafana's own."""
        return not self.name.startswith("__")


def references(tokens: Sequence[Token]) -> list[Reference]:
    """Return the variables that a query names, in the order of its text."""
    found = []
    for token in tokens:
        if token.kind is Kind.VARIABLE:
            found.append(Reference(_name(token.text), token.column, quoted=False))
        elif token.kind is Kind.STRING:
            found += [
                Reference(_name(one.group()), token.column + one.start(), quoted=True)
                for one in _IN_TEXT.finditer(token.text)
            ]
    return found


def _name(text: str) -> str:
    name = _NAME.search(text)
    return name.group() if name else text


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables of a dashboard: name -> whether it is there; False for one that was left out."""

    variables: Mapping[str, bool]

    def findings(self, tokens: Sequence[Token], path: str) -> list[Finding]:
        """Return what is wrong with the variables that a query names; an error means that it cannot be used."""
        result = {}
        for reference in references(tokens):
            if reference.ours and reference.name not in result:
                finding = self._finding(reference, path)
                if finding is not None:
                    result[reference.name] = finding
        return list(result.values())

    def _finding(self, reference: Reference, path: str) -> Finding | None:
        name = reference.name
        there = self.variables.get(name)
        if there:
            return None
        if there is False:
            message, fix = f"The variable {name} was left out.", "Correct the variable."
            return Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, path, message, fix, reference.column)
        # In a string it may be meant: a regular expression may end with $, and something may follow it by mistake.
        severity = Severity.WARNING if reference.quoted else Severity.ERROR
        near = nearest(name, tuple(self.variables))
        fix = "Write $__rate_interval." if name == "window" else "Define it in spec.variables."
        if near:
            fix = f"Write {near}, or define {name} in spec.variables."
        return Finding(severity, Reason.UNKNOWN_REFERENCE, path, f"There is no variable {name}.", fix, reference.column)
