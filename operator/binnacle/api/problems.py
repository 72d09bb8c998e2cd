"""From a validation error to findings: in the words of the person who wrote the resource.

Pydantic says what a program may want to know; here each of its errors becomes a sentence, a field path whose list items go
by name, and a fix. Nothing of pydantic's wording, types or addresses leaves this module.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from binnacle.api.findings import Finding, Severity
from binnacle.api.model import shown
from binnacle.api.reasons import Reason

Location = tuple[str | int, ...]

_EXPECTED: Final = {
    "string_type": ("text", "Put it in quotes."),
    "string_sub_type": ("text", "Put it in quotes."),
    "bool_type": ("true or false", "Write true or false, without quotes."),
    "bool_parsing": ("true or false", "Write true or false, without quotes."),
    "int_type": ("a whole number", "Write a whole number, without quotes."),
    "int_parsing": ("a whole number", "Write a whole number, without quotes."),
    "int_from_float": ("a whole number", "Write a whole number, without quotes."),
    "tuple_type": ("a list", "Write a list: each item on its own line after a dash, or [a, b]."),
    "list_type": ("a list", "Write a list: each item on its own line after a dash, or [a, b]."),
    "dict_type": ("a map", "Write names with values: {name: value}."),
}
_OURS: Final = frozenset(reason.value for reason in Reason)


def findings_of(error: ValidationError, data: Any, model: type[BaseModel], at: Location = ()) -> list[Finding]:
    """One finding for each error.

    Args:
        error: what validation of `data` against `model` raised.
        data: the input, for the names of list items and the values shown.
        model: the model, for the names that were meant.
        at: path of `data` in the resource, put in front of every path.
    """
    result = []
    for detail in error.errors(include_url=False):
        place = _within(detail["loc"])
        reason, message, fix = _say(detail, place, model)
        below: Location = detail.get("ctx", {}).get("at", ()) if detail["type"] in _OURS else ()
        result.append(Finding(Severity.ERROR, reason, dotted((*at, *place, *below), _wrap(at, data)), message, fix))
    return result


def dotted(location: Location, data: Any) -> str:
    """Write a location in `data` as people do, `spec.alerting.burnRates[fast].long`; items without a name by index."""
    parts: list[str] = []
    node = data
    for step in location:
        node = _step(node, step)
        if isinstance(step, str):
            # A key of a user, such as a label's, may hold what separates fields.
            parts.append(f".{step}" if step.replace("_", "").replace("-", "").isalnum() else f"[{step}]")
        else:
            name = node.get("name") if isinstance(node, Mapping) else None
            parts.append(f"[{name if isinstance(name, str) and name else step}]")
    return "".join(parts).removeprefix(".")


def _step(node: Any, step: str | int) -> Any:
    """Return the value one step down, or None where there is none."""
    if isinstance(step, str):
        return node.get(step) if isinstance(node, Mapping) else None
    return node[step] if isinstance(node, Sequence) and not isinstance(node, str) and 0 <= step < len(node) else None


def _wrap(at: Location, data: Any) -> Any:
    """Put `data` back where it was, so that a whole path can be walked."""
    for step in reversed(at):
        data = {step: data}
    return data


def _within(location: Location) -> Location:
    """Drop from a location the marks that validation adds, such as `[key]` after the key of a map."""
    return tuple(step for step in location if step != "[key]") if "[key]" in location else location


def _say(detail: ErrorDetails, place: Location, model: type[BaseModel]) -> tuple[Reason, str, str]:
    """Reason, message and fix of one error."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _OURS:
        return Reason(kind), context["message"], context["fix"]
    name = str(place[-1]) if place else ""
    if kind == "missing":
        return Reason.MISSING_FIELD, f"{name} is missing.", f"Add {name}."
    if kind == "extra_forbidden":
        return _unknown(name, place, model)
    if kind in _EXPECTED:
        wanted, how = _EXPECTED[kind]
        return Reason.INVALID_VALUE, f"This must be {wanted}, and is {_type_name(detail['input'])}.", how
    if kind in ("model_type", "model_attributes_type"):
        return (
            Reason.INVALID_VALUE,
            f"This must be a map of fields, and is {_type_name(detail['input'])}.",
            _fields_to_write(place, model),
        )
    for say in _SAYERS.get(kind, ()):
        message, fix = say(context, detail["input"])
        return Reason.INVALID_VALUE, message, fix
    return (
        Reason.INVALID_VALUE,
        "This value cannot be used here.",
        "See the description of the field: kubectl explain, or the reference.",
    )


def _choice(context: Mapping[str, Any], given: Any) -> tuple[str, str]:
    choices = context["expected"].replace("'", "")
    near = nearest(given, choices.replace(" or ", ", ").split(", ")) if isinstance(given, str) else ""
    return f"{shown(given)} is not one of the choices.", f"Write {near}." if near else f"Write {choices}."


def _too_long(context: Mapping[str, Any], _given: Any) -> tuple[str, str]:
    return (
        f"There are {context['actual_length']}, and {context['max_length']} is the most.",
        f"Keep at most {context['max_length']}.",
    )


def _too_short(context: Mapping[str, Any], _given: Any) -> tuple[str, str]:
    return "The list is empty.", f"Give at least {context['min_length']}, or leave the field out."


def _text_too_long(context: Mapping[str, Any], given: Any) -> tuple[str, str]:
    return f"The text has {len(given)} characters, and {context['max_length']} is the most.", "Shorten it."


def _text_too_short(_context: Mapping[str, Any], _given: Any) -> tuple[str, str]:
    return "The text is empty.", "Write something, or leave the field out."


def _number(bound: str, words: str) -> Callable[[Mapping[str, Any], Any], tuple[str, str]]:
    return lambda context, given: (
        f"{shown(given)} is outside the bounds.",
        f"Write a number {words} {context[bound]}.",
    )


_SAYERS: Final[Mapping[str, tuple[Callable[[Mapping[str, Any], Any], tuple[str, str]], ...]]] = {
    "enum": (_choice,),
    "literal_error": (_choice,),
    "too_long": (_too_long,),
    "too_short": (_too_short,),
    "string_too_long": (_text_too_long,),
    "string_too_short": (_text_too_short,),
    "greater_than_equal": (_number("ge", "of at least"),),
    "less_than_equal": (_number("le", "of at most"),),
}


def _unknown(name: str, place: Location, model: type[BaseModel]) -> tuple[Reason, str, str]:
    known = _fields(_model_at(model, place[:-1]))
    near = nearest(name, known)
    fix = f"Write {near}." if near else f"Leave it out. Known here: {', '.join(known)}."
    return Reason.UNKNOWN_FIELD, f"There is no field {name}.", fix


def _fields_to_write(place: Location, model: type[BaseModel]) -> str:
    known = _fields(_model_at(model, place))
    return f"Write the fields indented below it{'; known here: ' if known else ''}{', '.join(known)}."


def _fields(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(model: type[BaseModel] | None, place: Location) -> type[BaseModel] | None:
    """Return the model of the value at a place."""
    for step in place:
        if isinstance(step, int) or model is None:
            continue
        annotation = next(
            (field.annotation for name, field in model.model_fields.items() if step in (field.alias, name)), None
        )
        model = next(_models_in(annotation), None)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


_COMPARABLE = 4_000_000
"""Length of a name, times that of all that it is compared with: about 30 ms of processor time."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Find the known name that was probably meant, whatever its case.

    Empty when none is close, and when there are so many names, or such long ones, that to compare them would take long.
    """
    if len(name) * sum(map(len, known)) > _COMPARABLE:
        return ""
    folded = {one.casefold().replace("_", ""): one for one in reversed(known)}
    close = difflib.get_close_matches(name.casefold().replace("_", "").replace("-", ""), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def _type_name(value: Any) -> str:
    names = (
        (bool, "true or false"),
        (str, "text"),
        (int | float, "a number"),
        (Mapping, "a map"),
        (Sequence, "a list"),
    )
    return (
        "empty" if value is None else next((name for kind, name in names if isinstance(value, kind)), "something else")
    )
