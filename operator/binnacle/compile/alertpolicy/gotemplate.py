"""Whether a text is a Go template that its backend parses: Prometheus' for alerts, Alertmanager's for notifications.

Prometheus refuses a whole rule file for one template that does not parse, and Alertmanager a notification. So a text of a
user is taken as a template only when it surely parses: this is the grammar of Go's text/template (text/template/parse/lex.go
and parse.go) without what alert texts have no use for (`define`, `block`, `break`, `continue`, character constants, complex
numbers). What is accepted here parses there; what is refused may be fine all the same.
"""

import re
from dataclasses import dataclass, field
from typing import Final

BUILTINS: Final = frozenset(
    {"and", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery"}
    | {"eq", "ge", "gt", "le", "lt", "ne"}
)
PROMETHEUS_FUNCTIONS: Final = BUILTINS | frozenset(
    {"query", "first", "label", "value", "strvalue", "args", "reReplaceAll", "safeHtml", "match", "title"}
    | {"toUpper", "toLower", "graphLink", "tableLink", "sortByLabel", "stripPort", "stripDomain", "humanize"}
    | {"humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toTime", "pathPrefix"}
    | {"externalURL", "parseDuration"}
)
"""What Prometheus 2.42 and everything newer knows (template/template.go)."""
PROMETHEUS_VARIABLES: Final = frozenset({"$labels", "$value", "$externalLabels", "$externalURL"})

_DEPTH: Final = 40
_SPACE: Final = " \t\r\n"
_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<string>"(?:[^"\\\n]|\\[\\"nrt])*"|`[^`]*`)
    | (?P<variable>\$[A-Za-z_][A-Za-z0-9_]*|\$)
    | (?P<field>(?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.(?![0-9]))
    | (?P<number>[+-]?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?(?![A-Za-z0-9_.]))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>:=|=|\||\(|\)|,)
    """,
    re.VERBOSE | re.ASCII,
)
_KEYWORDS: Final = frozenset(
    {"if", "else", "end", "range", "with", "template", "define", "block", "break", "continue", "nil"}
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a backend gives to templates: functions, variables, and whether named templates can be called."""

    functions: frozenset[str]
    variables: frozenset[str] = frozenset()
    named: bool = False


PROMETHEUS: Final = Dialect(PROMETHEUS_FUNCTIONS, PROMETHEUS_VARIABLES)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _NoTemplateError(Exception):
    """The text is no template; the message says why."""


@dataclass(slots=True)
class _Block:
    """An open block: its keyword, how many variables there were before it, whether its `else` has been."""

    keyword: str
    variables: int
    closed: bool = False


@dataclass(slots=True)
class _Template:
    dialect: Dialect
    variables: list[str]
    blocks: list[_Block] = field(default_factory=list)


def problem(text: str, dialect: Dialect) -> str | None:
    """Return why a text is no template of a dialect, one sentence, or None when it is one."""
    try:
        _read_all(text, _Template(dialect, [*dialect.variables, "$"]))
    except _NoTemplateError as refused:
        return f"{refused}."
    return None


def _read_all(text: str, template: _Template) -> None:
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        tokens, at = _action(text, opening + 2)
        if tokens is not None:
            _read(tokens, template)
    if template.blocks:
        raise _NoTemplateError(f"{{{{ {template.blocks[-1].keyword} }}}} has no {{{{ end }}}}")


def _action(text: str, at: int) -> tuple[list[_Token] | None, int]:
    """Return the tokens of the action that begins at `at`, and where the text goes on; None for a comment."""
    begin = at
    if text[at : at + 1] == "-" and text[at + 1 : at + 2] and text[at + 1] in _SPACE:
        at += 2
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        closing = re.match(r"(?:[ \t\r\n]+-)?\}\}", text[end + 2 :], re.ASCII) if end >= 0 else None
        if closing is None:
            raise _NoTemplateError("a comment does not end with */}}")
        return None, end + 2 + closing.end()
    tokens: list[_Token] = []
    while True:
        if text.startswith("}}", at):
            return tokens, at + 2
        if text.startswith("-}}", at) and tokens and tokens[-1].kind == "space":
            return tokens, at + 3
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            if at >= len(text):
                raise _NoTemplateError(f"{{{{ at character {begin - 1} has no }}}}")
            raise _NoTemplateError(f"{text[at]!r} at character {at + 1} has no meaning between the braces")
        tokens.append(_Token(str(found.lastgroup), found.group()))
        at = found.end()


def _read(tokens: list[_Token], template: _Template) -> None:
    """Read one action."""
    rest = _trimmed(tokens)
    if not rest:
        raise _NoTemplateError("there is nothing between the braces")
    head = rest[0]
    if head.kind != "word" or head.text not in _KEYWORDS:
        _pipeline_with_variable(rest, template, declares=1)
        return
    behind = _trimmed(rest[1:])
    if behind and len(rest) > 1 and rest[1].kind != "space" and rest[1].text != "(":
        raise _NoTemplateError(f"a blank is missing behind {head.text}")
    match head.text:
        case "end":
            _nothing(behind, "end")
            if not template.blocks:
                raise _NoTemplateError("{{ end }} ends nothing")
            del template.variables[template.blocks.pop().variables :]
        case "else":
            _else(behind, template)
        case "if" | "with" | "range":
            _open(head.text, behind, template)
        case "template" if template.dialect.named:
            if not behind or behind[0].kind != "string":
                raise _NoTemplateError("{{ template }} needs a name in quotes")
            more = _trimmed(behind[1:])
            if more:
                if behind[1].kind != "space":
                    raise _NoTemplateError("a blank is missing behind the name of a template")
                _pipeline(more, template)
        case other:
            raise _NoTemplateError(f"{{{{ {other} }}}} cannot be used here")


def _else(behind: list[_Token], template: _Template) -> None:
    if not template.blocks or template.blocks[-1].closed:
        raise _NoTemplateError("{{ else }} belongs to nothing")
    block = template.blocks[-1]
    if not behind:
        block.closed = True
        return
    if block.keyword != "if" or (behind[0].kind, behind[0].text) != ("word", "if") or len(behind) < 2:
        raise _NoTemplateError("behind {{ else }} only if can stand, in an {{ if }}")
    if behind[1].kind != "space":
        raise _NoTemplateError("a blank is missing behind if")
    _pipeline_with_variable(_trimmed(behind[1:]), template, declares=1)


def _open(keyword: str, behind: list[_Token], template: _Template) -> None:
    if len(template.blocks) >= _DEPTH:
        raise _NoTemplateError("blocks are nested too deeply")
    block = _Block(keyword, len(template.variables))
    _pipeline_with_variable(behind, template, declares=2 if keyword == "range" else 1)
    template.blocks.append(block)


def _pipeline_with_variable(tokens: list[_Token], template: _Template, *, declares: int) -> None:
    """Read a pipeline with what it is assigned to, if anything."""
    plain = [(index, token) for index, token in enumerate(tokens) if token.kind != "space"]
    signs = [
        (place, token.text)
        for place, (_, token) in enumerate(plain)
        if token.text in (":=", "=") and token.kind == "mark"
    ]
    if not signs:
        _pipeline(tokens, template)
        return
    place, sign = signs[0]
    names = [token for _, token in plain[:place]]
    wanted = [token for number, token in enumerate(names) if number % 2 == 0]
    commas = [token for number, token in enumerate(names) if number % 2]
    good = (
        len(signs) == 1
        and 1 <= len(wanted) <= declares
        and all(token.kind == "variable" and token.text != "$" for token in wanted)
        and all(token.text == "," for token in commas)
        and len(commas) == len(wanted) - 1
    )
    if not good:
        raise _NoTemplateError(f"{sign} needs a variable before it")
    if sign == "=" and any(token.text not in template.variables for token in wanted):
        raise _NoTemplateError("a variable is set that was not declared with :=")
    _pipeline(_trimmed(tokens[plain[place][0] + 1 :]), template)
    if sign == ":=":
        template.variables.extend(token.text for token in wanted)


def _pipeline(tokens: list[_Token], template: _Template, depth: int = 0) -> None:
    """Read commands with | between them."""
    if depth > _DEPTH:
        raise _NoTemplateError("brackets are nested too deeply")
    commands: list[list[_Token]] = [[]]
    level = 0
    for token in tokens:
        level += (token.kind == "mark" and token.text == "(") - (token.kind == "mark" and token.text == ")")
        if level < 0:
            raise _NoTemplateError("a bracket is closed that was not opened")
        if token.kind == "mark" and token.text == "|" and level == 0:
            commands.append([])
        else:
            commands[-1].append(token)
    if level:
        raise _NoTemplateError("a bracket is not closed")
    for number, command in enumerate(commands):
        _command(_trimmed(command), template, depth, first=number == 0)


def _command(tokens: list[_Token], template: _Template, depth: int, *, first: bool) -> None:
    """Read a function with its arguments, or one value."""
    operands = _operands(tokens)
    if not operands:
        raise _NoTemplateError("a value is missing")
    for operand in operands:
        _operand(operand, template, depth)
    head = operands[0][0]
    callable_ = (head.kind == "word" and head.text not in ("true", "false")) or (
        head.kind == "field" and head.text != "."
    )
    if (not first or len(operands) > 1) and not callable_:
        raise _NoTemplateError(f"{head.text} is no function")


def _operands(tokens: list[_Token]) -> list[list[_Token]]:
    """Take a command apart at blanks outside brackets."""
    operands: list[list[_Token]] = [[]]
    level = 0
    for token in tokens:
        if token.kind == "space" and level == 0:
            operands.append([])
            continue
        level += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
        operands[-1].append(token)
    return [operand for operand in operands if operand]


def _operand(tokens: list[_Token], template: _Template, depth: int) -> None:
    head, rest = tokens[0], tokens[1:]
    if head.kind == "mark" and head.text == "(":
        end = next(
            index
            for index in range(len(tokens))
            if sum((token.text == "(") - (token.text == ")") for token in tokens[: index + 1] if token.kind == "mark")
            == 0
        )
        _pipeline(_trimmed(tokens[1:end]), template, depth + 1)
        rest = tokens[end + 1 :]
    elif head.kind == "variable":
        if head.text not in template.variables:
            raise _NoTemplateError(f"there is no variable {head.text}")
    elif head.kind == "word":
        if head.text not in (*template.dialect.functions, "true", "false"):
            raise _NoTemplateError(f"there is no function {head.text}")
        if rest:
            raise _NoTemplateError(f"a blank is missing behind {head.text}")
    elif head.kind not in ("field", "string", "number"):
        raise _NoTemplateError(f"{head.text} stands where a value belongs")
    chained = head.kind == "variable" or head.text == "("
    if rest and not (chained and len(rest) == 1 and rest[0].kind == "field" and rest[0].text != "."):
        raise _NoTemplateError(f"a blank is missing before {rest[0].text}")


def _nothing(tokens: list[_Token], keyword: str) -> None:
    if tokens:
        raise _NoTemplateError(f"nothing can stand behind {keyword}")


def _trimmed(tokens: list[_Token]) -> list[_Token]:
    begin, end = 0, len(tokens)
    while begin < end and tokens[begin].kind == "space":
        begin += 1
    while end > begin and tokens[end - 1].kind == "space":
        end -= 1
    return tokens[begin:end]
