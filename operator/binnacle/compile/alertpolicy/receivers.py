"""Receivers of a policy as settings of Alertmanager: what its version knows, secrets as files, templates that parse.

A receiver that Alertmanager would not load is left out with a finding, since one bad receiver breaks the file of all. A text
that is no template is left out alone: a notification in Alertmanager's own words is better than none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.findings import Finding, Severity
from binnacle.api.model import Model
from binnacle.api.reasons import Reason
from binnacle.api.receivers import INTEGRATIONS, HttpConfig, KeyValue, Receiver, Sigv4, TlsConfig
from binnacle.api.secrets import SecretValue
from binnacle.api.values import Duration
from binnacle.compile.alertpolicy import gotemplate
from binnacle.compile.alertpolicy.gotemplate import Dialect
from binnacle.intent import routing
from binnacle.intent.routing import Integration, SecretFile, Setting, Settings

Line = tuple[int, int]

_SINCE: Final[Mapping[str, Line]] = {
    "email.auth_secret": (0, 31),
    "pagerduty.timeout": (0, 30),
    "slack.app_token": (0, 30),
    "slack.app_url": (0, 30),
    "slack.timeout": (0, 30),
    "webhook.timeout": (0, 28),
    "webhook.url_secret": (0, 26),
}
"""First version that knows a setting, or a file form of it; all others are as old as the oldest version that is served."""
_SETTINGS: Final = {"url_secret": "url"}
"""Fields that are not called as Alertmanager calls the setting."""
_FUNCTIONS: Final = gotemplate.BUILTINS | frozenset(
    {"toUpper", "toLower", "title", "join", "match", "safeHtml", "reReplaceAll", "stringSlice"}
)
_NEWER_FUNCTIONS: Final[tuple[tuple[Line, frozenset[str]], ...]] = (
    ((0, 27), frozenset({"trimSpace"})),
    ((0, 28), frozenset({"date", "tz", "since", "humanizeDuration"})),
    ((0, 31), frozenset({"safeUrl", "urlUnescape", "toJson"})),
)
"""Functions of Alertmanager's templates (template/template.go)."""


def read(
    policy: AlertPolicy, line: Line, defaults: Mapping[str, Any]
) -> tuple[tuple[routing.Receiver, ...], list[Finding]]:
    """Return the receivers that Alertmanager will load, and what is wrong with the others.

    Args:
        policy: the policy.
        line: major and minor version of Alertmanager.
        defaults: its global settings, `global` of the administrator's base.
    """
    receivers: list[routing.Receiver] = []
    findings: list[Finding] = []
    dialect = _dialect(line)
    for receiver in policy.spec.receivers:
        path = f"spec.receivers[{receiver.name}]"
        wrong = [*_missing(receiver, path, defaults), *_unknown(receiver, path, line)]
        if wrong:
            findings += wrong
            continue
        integrations = tuple(
            (name, _settings(getattr(receiver, name), f"{path}.{name}", dialect, findings))
            for name in INTEGRATIONS
            if getattr(receiver, name) is not None
        )
        usable = tuple(Integration(name, settings) for name, settings in integrations if settings is not None)
        if len(usable) == len(integrations):
            receivers.append(routing.Receiver(receiver.name, usable))
    return tuple(receivers), findings


def _dialect(line: Line) -> Dialect:
    newer = (functions for since, functions in _NEWER_FUNCTIONS if line >= since)
    return Dialect(_FUNCTIONS.union(*newer), named=True)


def _missing(receiver: Receiver, path: str, defaults: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a receiver lacks and the administrator's global settings do not have either."""

    def lacks(field: str, message: str, fix: str) -> Finding:
        return Finding(Severity.ERROR, Reason.MISSING_FIELD, f"{path}.{field}", message, fix)

    email, slack = receiver.email, receiver.slack
    if email is not None and email.smarthost is None and not defaults.get("smtp_smarthost"):
        yield lacks("email.smarthost", "No mail server is known.", "Add smarthost: there is no global one.")
    if email is not None and email.from_ is None and not defaults.get("smtp_from"):
        yield lacks("email.from", "No sender is known.", "Add from: there is no global one.")
    ways = ("slack_api_url", "slack_api_url_file", "slack_app_token", "slack_app_token_file")
    if slack is not None and slack.api_url is None and slack.app_token is None and not any(map(defaults.get, ways)):
        yield lacks("slack.apiUrl", "No address is known.", "Add apiUrl or appToken: there is no global one.")


def _unknown(receiver: Receiver, path: str, line: Line) -> Iterator[Finding]:
    """Yield the settings that this version of Alertmanager does not know."""
    for name in INTEGRATIONS:
        model = getattr(receiver, name)
        if model is None:
            continue
        for field in type(model).model_fields:
            since = _SINCE.get(f"{name}.{field}")
            if since is None or line >= since or getattr(model, field) is None:
                continue
            yaml_name = type(model).model_fields[field].alias or field
            yield Finding(
                Severity.ERROR,
                Reason.NOT_SUPPORTED,
                f"{path}.{name}.{yaml_name}",
                f"Alertmanager {line[0]}.{line[1]} does not take this from a file or does not know it; "
                f"{since[0]}.{since[1]} is the first that does.",
                "Set alertmanager.version in the administrator's configuration if yours is newer, or leave the field out.",
            )


def _settings(model: BaseModel, path: str, dialect: Dialect | None, findings: list[Finding]) -> Settings | None:
    """Return the settings of a model, or None when one that it must have had to be left out."""
    items: list[tuple[str, Setting]] = []
    for field, info in type(model).model_fields.items():
        value = getattr(model, field)
        if value is None or value == ():
            continue
        setting = _setting(value, f"{path}.{info.alias or field}", dialect, findings)
        if setting is None and info.is_required():
            return None
        if setting is not None:
            items.append((_SETTINGS.get(field, field).removesuffix("_"), setting))
    return Settings(tuple(items))


def _setting(value: Any, path: str, dialect: Dialect | None, findings: list[Finding]) -> Setting | None:
    """Return a value as a setting; None for a text that would be no template. Without a dialect texts are just texts."""
    match value:
        case SecretValue():
            return SecretFile(value.secret_ref.name, value.secret_ref.key)
        case Duration():
            return str(value)
        case bool() | int():
            return value
        case str():
            return value if dialect is None else _text(value, path, dialect, findings)
        case (KeyValue(), *_):
            named = ((one.key, _setting(one.value, f"{path}[{one.key}]", dialect, findings)) for one in value)
            return Settings(tuple((key, text) for key, text in named if text is not None))
        case tuple():
            each = (_setting(one, f"{path}[{number}]", dialect, findings) for number, one in enumerate(value))
            return tuple(one for one in each if one is not None)
        case HttpConfig() | TlsConfig() | Sigv4():
            return _settings(value, path, None, findings)
        case Model():
            return _settings(value, path, dialect, findings)
        case _:
            raise TypeError(f"{path}: {type(value).__name__} is no setting")


def _text(text: str, path: str, dialect: Dialect, findings: list[Finding]) -> str | None:
    wrong = gotemplate.problem(text, dialect)
    if wrong is None:
        return text
    message = f"The text is no template of this Alertmanager: {wrong}"
    fix = "Correct the template; until then the field is left out."
    findings.append(Finding(Severity.ERROR, Reason.TEMPLATE_SYNTAX, path, message, fix))
    return None
