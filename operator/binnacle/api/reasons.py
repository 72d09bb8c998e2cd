"""Every reason that Binnacle puts into a condition or a finding, with its cause and its fix.

`docs/reasons.md` is generated from this table, so a reason cannot exist without a cause and a fix.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """CamelCase reasons of conditions and findings. The text after each lives in `DOCS`."""

    # conditions: the normal course
    APPLIED = "Applied"
    PROGRESSING = "Progressing"
    COMPILED = "Compiled"
    SUSPENDED = "Suspended"
    DRY_RUN = "DryRun"
    WAITING_FOR_AGGREGATE = "WaitingForAggregate"
    RULES_LOADED = "RulesLoaded"
    # conditions: somebody must act
    INVALID_SPEC = "InvalidSpec"
    COMPILE_FAILED = "CompileFailed"
    ITEMS_QUARANTINED = "ItemsQuarantined"
    NAME_TAKEN = "NameTaken"
    PERMISSION_DENIED = "PermissionDenied"
    APPLY_REFUSED = "ApplyRefused"
    OUTPUT_TOO_LARGE = "OutputTooLarge"
    BACKEND_REFUSED = "BackendRefused"
    INTERNAL_ERROR = "InternalError"
    # conditions: not known
    BACKEND_NOT_CONFIGURED = "BackendNotConfigured"
    BACKEND_UNREACHABLE = "BackendUnreachable"
    NOT_LOADED_YET = "NotLoadedYet"
    API_SERVER_UNAVAILABLE = "APIServerUnavailable"
    # findings: values and structure
    UNKNOWN_FIELD = "UnknownField"
    MISSING_FIELD = "MissingField"
    INVALID_VALUE = "InvalidValue"
    RESERVED_LABEL = "ReservedLabel"
    # findings: PromQL
    PROMQL_SYNTAX = "PromQLSyntax"
    PROMQL_TOO_LARGE = "PromQLTooLarge"
    NOT_A_SELECTOR = "NotASelector"
    NOT_A_COUNTER = "NotACounter"
    LABEL_NOT_AVAILABLE = "LabelNotAvailable"
    # findings: SLO
    UNREACHABLE_BURN_RATE = "UnreachableBurnRate"
    WINDOW_TOO_LONG = "WindowTooLong"
    WINDOW_TOO_SHORT = "WindowTooShort"
    DUPLICATE_BURN_RATE = "DuplicateBurnRate"
    # findings: files
    YAML_SYNTAX = "YAMLSyntax"
    YAML_TOO_DEEP = "YAMLTooDeep"
    YAML_TOO_LARGE = "YAMLTooLarge"
    YAML_UNSUPPORTED = "YAMLUnsupported"
    DUPLICATE_FIELD = "DuplicateField"
    AMBIGUOUS_VALUE = "AmbiguousValue"
    FILE_UNREADABLE = "FileUnreadable"
    UNKNOWN_KIND = "UnknownKind"
    DUPLICATE_RESOURCE = "DuplicateResource"
    NOT_A_RESOURCE = "NotAResource"


@dataclass(frozen=True, slots=True)
class Doc:
    """What a reason means to the person who meets it: `cause` in one or two sentences, `fix` as an instruction."""

    cause: str
    fix: str
