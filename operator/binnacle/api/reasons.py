"""Every reason that Binnacle puts into a condition or a finding, with its cause and its fix.

`docs/reasons.md` is generated from this table, so a reason cannot exist without a cause and a fix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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
    LOADED = "Loaded"
    METRICS_FOUND = "MetricsFound"
    METRICS_MISSING = "MetricsMissing"
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
    NOT_CHECKED_YET = "NotCheckedYet"
    NOT_OBSERVED = "NotObserved"
    NOT_READ_BACK = "NotReadBack"
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
    WRONG_METRIC_TYPE = "WrongMetricType"
    LABEL_NOT_AVAILABLE = "LabelNotAvailable"
    UNKNOWN_METRIC = "UnknownMetric"
    UNKNOWN_LABEL = "UnknownLabel"
    UNKNOWN_BUCKET = "UnknownBucket"
    # findings: MetricSet
    PROBE_TARGET_REFUSED = "ProbeTargetRefused"
    NOTHING_SCRAPED = "NothingScraped"
    # findings: SLO
    UNREACHABLE_BURN_RATE = "UnreachableBurnRate"
    WINDOW_TOO_LONG = "WindowTooLong"
    WINDOW_TOO_SHORT = "WindowTooShort"
    DUPLICATE_BURN_RATE = "DuplicateBurnRate"
    NOT_REQUEST_WEIGHTED = "NotRequestWeighted"
    CIRCULAR_REFERENCE = "CircularReference"
    # findings: AlertPolicy
    UNKNOWN_REFERENCE = "UnknownReference"
    TEMPLATE_SYNTAX = "TemplateSyntax"
    MISSING_RUNBOOK = "MissingRunbook"
    NEVER_FIRES = "NeverFires"
    ALWAYS_FIRES = "AlwaysFires"
    WRONG_UNIT = "WrongUnit"
    LEVELS_NOT_INHIBITED = "LevelsNotInhibited"
    UNROUTED_ALERT = "UnroutedAlert"
    DUPLICATE_NOTIFICATION = "DuplicateNotification"
    NOT_SUPPORTED = "NotSupported"
    TEST_FAILED = "TestFailed"
    TEST_NOT_RUN = "TestNotRun"
    # findings: LogPipeline
    RESERVED_FIELD = "ReservedField"
    REGEX_SYNTAX = "RegexSyntax"
    SLOW_PATTERN = "SlowPattern"
    NAME_NOT_ALLOWED = "NameNotAllowed"
    OUT_OF_ORDER = "OutOfOrder"
    NOT_REDACTED = "NotRedacted"
    HIGH_CARDINALITY = "HighCardinality"
    DUPLICATE_RECORDS = "DuplicateRecords"
    # findings: Fluentd
    FLUENTD_SYNTAX = "FluentdSyntax"
    EMBEDDED_CODE = "EmbeddedCode"
    MISREAD_VALUE = "MisreadValue"
    UNKNOWN_OPTION = "UnknownOption"
    UNREACHABLE_SECTION = "UnreachableSection"
    MISSING_LABEL = "MissingLabel"
    ROUTING_LOOP = "RoutingLoop"
    UNSAFE_PATH = "UnsafePath"
    FAILS_OPEN = "FailsOpen"
    LOSES_RECORDS = "LosesRecords"
    EMPTY_INCLUDE = "EmptyInclude"
    # findings: imports
    CARRIED_OVER = "CarriedOver"
    CHANGED_BY_IMPORT = "ChangedByImport"
    NOT_CARRIED_OVER = "NotCarriedOver"
    NOTHING_TO_IMPORT = "NothingToImport"
    # findings: Dashboard
    FOLDER_NOT_ALLOWED = "FolderNotAllowed"
    DUPLICATE_TITLE = "DuplicateTitle"
    COUNTER_WITHOUT_RATE = "CounterWithoutRate"
    FIXED_RANGE = "FixedRange"
    LOGQL_SYNTAX = "LogQLSyntax"
    QUERY_NOT_PARSED = "QueryNotParsed"
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


DOCS: Final[Mapping[Reason, Doc]] = {
    Reason.APPLIED: Doc(
        "Everything that the resource asks for is applied, and all that was checked is good.", "Nothing need be done."
    ),
    Reason.PROGRESSING: Doc(
        "The resource was created or changed and is being worked on.",
        "Wait. If it stays for minutes, look at the operator's log and at the queue's metrics.",
    ),
    Reason.COMPILED: Doc("The whole spec was understood and compiled.", "Nothing need be done."),
    Reason.SUSPENDED: Doc(
        "`suspend: true` is set: what was applied before stays as it is, and changes are not applied. A change that was under way "
        "stays as far as it had come: what it was to take away may still be there beside what is new.",
        "Set `suspend: false` or remove the field to have changes applied again.",
    ),
    Reason.DRY_RUN: Doc(
        "`mode: DryRun` is set: the spec is compiled and checked, status shows what would change, and nothing is applied.",
        "Remove `mode` or set it to `Apply` when the difference is what you want.",
    ),
    Reason.WAITING_FOR_AGGREGATE: Doc(
        "The resource's part goes into a file that several resources share, and that file is not written yet.",
        "Wait a few seconds. If it stays, look at the conditions of the resources that share the file, and at the operator's log.",
    ),
    Reason.RULES_LOADED: Doc(
        "Prometheus has loaded the rules and evaluates them without error.", "Nothing need be done."
    ),
    Reason.LOADED: Doc(
        "The backends have loaded what was applied, as far as they tell: the message says what.",
        "Nothing need be done.",
    ),
    Reason.METRICS_FOUND: Doc(
        "Prometheus has series of every metric that the resource declares or refers to.", "Nothing need be done."
    ),
    Reason.METRICS_MISSING: Doc(
        "For some minutes Prometheus has had no series of some of the metrics that the resource declares or refers to. What a "
        "MetricSet declares is looked for among the series of its namespace and those without the label `namespace`. Nothing else "
        "depends on this: rules stay loaded, and `Ready` stays as it is.",
        "Check the names, and whether the system exposes the metrics and is scraped. A counter that appears with its first event "
        "only is better exposed with the value 0 from the start.",
    ),
    Reason.INVALID_SPEC: Doc(
        "A field is missing, unknown, or has a value that does not fit, so nothing could be compiled. What was applied before stays.",
        "Look at `status.findings`: each names the field, what is wrong with it, and what to write instead.",
    ),
    Reason.COMPILE_FAILED: Doc(
        "The fields have the right shape, but what they say cannot be turned into rules, for example because an expression is "
        "no PromQL. What was applied before stays.",
        "Look at `status.findings`: each names the field, what is wrong with it, and what to write instead.",
    ),
    Reason.ITEMS_QUARANTINED: Doc(
        "Some items of the spec could not be compiled and are left out, with the items that depend on them. The rest is applied.",
        "Look at `status.findings` for the items left out and correct them.",
    ),
    Reason.NAME_TAKEN: Doc(
        "An object with the name that is to be written exists already and does not belong to this resource. It was not touched.",
        "Delete or rename the other object if nobody needs it, or give the resource another name.",
    ),
    Reason.PERMISSION_DENIED: Doc(
        "The API server does not allow the operator to read or write an object that the resource needs.",
        "Grant the operator's ServiceAccount the permission that the message names; `binnacle operator --config FILE --print-rights` prints all that the configuration needs.",
    ),
    Reason.APPLY_REFUSED: Doc(
        "The API server or an admission webhook refused an object that was to be written.",
        "Read the refusal in the message. Where a policy refuses it, change the policy or the resource.",
    ),
    Reason.OUTPUT_TOO_LARGE: Doc(
        "What the resource compiles to does not fit into one object of the backend, or its namespace has all that one may have of "
        "a file that all share. What was applied before stays.",
        "Split the resource into several; where the file of all is full, take something of the namespace out of it.",
    ),
    Reason.BACKEND_REFUSED: Doc(
        "The backend does not have what was applied after two reload periods, or has it and reports an error.",
        "Read the backend's own error in the message. Check that the backend selects these objects: labels, namespaces and mounted files.",
    ),
    Reason.INTERNAL_ERROR: Doc(
        "The operator met an error of its own while it worked on the resource. It tries again, ever more slowly.",
        "Report the message and the operator's log as a bug. A change of the resource is tried at once.",
    ),
    Reason.BACKEND_NOT_CONFIGURED: Doc(
        "The administrator's configuration names no address of the backend, so nothing is read back from it.",
        "Set `prometheus.url` in the configuration to see SLI, budget, loaded rules and missing metrics in status, and "
        "`alertmanager.url` to see whether routing is loaded.",
    ),
    Reason.BACKEND_UNREACHABLE: Doc(
        "The backend does not answer, so it is not known what it has loaded. What was applied stays and goes on working.",
        "Check the backend, its address in the configuration, and network policies between the operator and it.",
    ),
    Reason.NOT_LOADED_YET: Doc(
        "The rules are applied, and Prometheus has not loaded them yet (up to two reload periods this is normal) or has not "
        "recorded the first figures (the share of errors over the whole window takes ten minutes).",
        "Wait. If it stays, check that Prometheus selects these objects: labels, namespaces and mounted files.",
    ),
    Reason.NOT_CHECKED_YET: Doc(
        "The metrics that the resource declares or refers to have not been looked for yet. They are once it is loaded, and new ones "
        "have a few minutes to appear.",
        "Wait.",
    ),
    Reason.NOT_OBSERVED: Doc(
        "The operator has started anew since this version was applied, and the spec now does not compile, or waits (suspended, or a "
        "dry run). What was applied stays, but the operator does not know any more what to look for in the backend, so it shows "
        "neither figures nor whether they are loaded.",
        "Correct the spec, or let it be applied: then it is observed again.",
    ),
    Reason.NOT_READ_BACK: Doc(
        "Binnacle does not ask this backend yet (Grafana, Fluentd, the blackbox exporter), so it is not known whether it has loaded "
        "what was applied.",
        "Nothing need be done. Look in the backend itself: for the dashboard, or in its log.",
    ),
    Reason.API_SERVER_UNAVAILABLE: Doc(
        "The API server did not answer or answered with an error that may pass. The work is tried again.",
        "Check the API server's health if it lasts.",
    ),
    Reason.UNKNOWN_FIELD: Doc(
        "The resource has a field that its kind does not know. An unknown field is never passed over in a file, since it is usually "
        "a spelling mistake.",
        "Write the name that the finding suggests, or leave the field out. `kubectl explain` lists the fields, and so does `docs/reference/`.",
    ),
    Reason.MISSING_FIELD: Doc(
        "A field that the resource cannot do without is not there.", "Add the field that the finding names."
    ),
    Reason.INVALID_VALUE: Doc(
        "The value of a field has the wrong type, the wrong shape, or lies outside its bounds.",
        "Write a value as the finding says; `kubectl explain` and `docs/reference/` describe the field.",
    ),
    Reason.RESERVED_LABEL: Doc(
        "A label has a name that Prometheus or Binnacle sets, or that would make two owners' series or alerts look the same.",
        "Choose another name.",
    ),
    Reason.PROMQL_SYNTAX: Doc(
        "The text is not PromQL.",
        "Correct it at the column that the finding names; try it in Prometheus' own query page.",
    ),
    Reason.PROMQL_TOO_LARGE: Doc(
        "The expression is longer than 4 KiB or has more than 400 brackets and operators.",
        "Shorten it, for example by recording a part of it with a rule of its own.",
    ),
    Reason.NOT_A_SELECTOR: Doc(
        'The field takes a bare selector of series, such as `http_requests_total{job="api"}`, and the text is another expression.',
        "Write metric name and labels only: rates, sums and windows are added for you.",
    ),
    Reason.WRONG_METRIC_TYPE: Doc(
        "The field takes a metric of one type, and the MetricSet that declares the metric gives it another.",
        "Name a metric of the type that the message asks for, choose the indicator that fits the metric, or correct the declaration.",
    ),
    Reason.LABEL_NOT_AVAILABLE: Doc(
        "A label that is to be grouped by cannot be on the series that the selectors choose.",
        "Group by a label that the series have, or change the selectors.",
    ),
    Reason.UNKNOWN_METRIC: Doc(
        "The namespace has MetricSets, and none of them declares the metric that an expression reads.",
        "Correct the name, or declare the metric in a MetricSet of the namespace.",
    ),
    Reason.UNKNOWN_LABEL: Doc(
        "An expression uses a label that the metric does not have by the MetricSet that declares it, so it may select nothing.",
        "Correct the label, or add it to the metric's `labelNames`.",
    ),
    Reason.UNKNOWN_BUCKET: Doc(
        "The limit is none of the buckets that the MetricSet declares for the histogram, so Prometheus does not count what lies below it.",
        "Choose one of the buckets, or declare the bucket once the system has it.",
    ),
    Reason.PROBE_TARGET_REFUSED: Doc(
        "The URL of a probe names the prober's own machine, a link, the API server, or a private address, where a team's probe may "
        "not reach. The probe is left out.",
        "Probe an address that is reached from outside; for private ones have the administrator set `allow.privateProbeTargets`.",
    ),
    Reason.NOTHING_SCRAPED: Doc(
        "A MetricSet has a target and no item of `scrape`, so its target is not scraped by it.",
        "Add an item to `scrape`, or remove `target` where something else scrapes it.",
    ),
    Reason.UNREACHABLE_BURN_RATE: Doc(
        "With this objective the budget cannot burn as fast as the alert asks, even when every event fails: the alert could never fire. "
        "The nearest pair of windows that can fire is used instead.",
        "Lower `budget`, lengthen `long`, or raise the objective.",
    ),
    Reason.WINDOW_TOO_LONG: Doc(
        "The long window of an alert is longer than the window of the SLO. The nearest useful pair is used instead.",
        "Choose a long window that is shorter than the SLO's.",
    ),
    Reason.WINDOW_TOO_SHORT: Doc(
        "A window is shorter than two scrapes or evaluations, so that there would be nothing to compare.",
        "Lengthen the window, or correct `prometheus.scrapeInterval` in the configuration if targets are scraped more often.",
    ),
    Reason.DUPLICATE_BURN_RATE: Doc(
        "Two alerts of one SLO have come out with the same windows, factor and severity; one of them is left out.",
        "Remove one of them, or change its windows or its budget.",
    ),
    Reason.NOT_REQUEST_WEIGHTED: Doc(
        "The share of what is bad is computed by an expression of the user and averaged over time, so moments with few events count as much as moments with many.",
        "Write the indicator as `ratio` or `latency` where there are counters or a histogram; else nothing need be done.",
    ),
    Reason.CIRCULAR_REFERENCE: Doc(
        "SLOs that inhibit each other stand in a ring: if all of them burned, each would be hushed by the next.",
        "Leave inhibit out of one of them. Until then none of the ring inhibits.",
    ),
    Reason.UNKNOWN_REFERENCE: Doc(
        "The resource names something that is not there: a receiver, a schedule, another resource.",
        "Correct the name, or create what it names.",
    ),
    Reason.TEMPLATE_SYNTAX: Doc(
        "A text is no template that its backend can expand. An alert's text is shown as it is written; a receiver uses its backend's own text instead.",
        "Correct the template at the place that the message names.",
    ),
    Reason.MISSING_RUNBOOK: Doc(
        "A critical alert says nothing about what to do when it fires.",
        "Add `runbook.url`, or choose a lower severity.",
    ),
    Reason.NEVER_FIRES: Doc(
        "The rule cannot fire as it is written.",
        "Change the limit or the expression as the message says.",
    ),
    Reason.ALWAYS_FIRES: Doc(
        "The rule fires whenever there is data, because nothing in it is a condition.",
        "Add a comparison, or `above` or `below`.",
    ),
    Reason.WRONG_UNIT: Doc(
        "A limit has a unit that the measured value does not have.",
        "Write the limit in the unit that the message names.",
    ),
    Reason.LEVELS_NOT_INHIBITED: Doc(
        "Which labels the result of an expression has cannot be told from its text, so the alerts of its levels cannot be matched with each other: a lower level notifies beside a higher one.",
        "Aggregate the expression with `by (...)`.",
    ),
    Reason.UNROUTED_ALERT: Doc(
        "No route of the policy takes an alert of it, so it goes where the administrator's own routes send it.",
        "Set `defaultReceivers`, or add a route that matches.",
    ),
    Reason.DUPLICATE_NOTIFICATION: Doc(
        "Two routes send the same alert to the same receiver: it is notified twice.",
        "Narrow the matchers of one of the routes, or remove the receiver from one of them.",
    ),
    Reason.NOT_SUPPORTED: Doc(
        "The backend's version does not know the setting, or takes the secret only inside its configuration and not from a file.",
        "Raise `alertmanager.version` in the administrator's configuration if the backend is newer than that says, or leave the setting out.",
    ),
    Reason.TEST_FAILED: Doc(
        "A test that the resource carries does not hold.",
        "Correct the resource or the test; the message says what was expected and what came.",
    ),
    Reason.TEST_NOT_RUN: Doc(
        "A test that the resource carries was not run, so it says nothing: what it looks at is left out, or it would have held up "
        "other resources.",
        "Correct what the message names; `binnacle test` runs tests of any size.",
    ),
    Reason.CARRIED_OVER: Doc(
        "An import carried the field over; it means here what it meant in the other tool.", "Nothing need be done."
    ),
    Reason.CHANGED_BY_IMPORT: Doc(
        "An import carried the field over in another form. Where that is a warning, figures, alerts or their routing may differ.",
        "Read what has changed, and change what relies on it, such as a route that matches the name of an alert.",
    ),
    Reason.NOT_CARRIED_OVER: Doc(
        "An import found nothing here that the field could become. Where that is an error, the whole SLO is left out.",
        "Write by hand what is missed, or change the source as the finding says and import it again.",
    ),
    Reason.NOTHING_TO_IMPORT: Doc(
        "A file that was given to an import has no document in it.", "Check that it is the right file."
    ),
    Reason.FOLDER_NOT_ALLOWED: Doc(
        "A dashboard asks for a folder that does not belong to its namespace, where it could meet another team's dashboards.",
        "Use the namespace's name as the folder, alone or followed by a space or `_` and more, or leave `folder` out.",
    ),
    Reason.DUPLICATE_TITLE: Doc(
        "Two dashboards of one folder have the same title. Grafana would stop updating all dashboards, so only the first by name is kept.",
        "Give one of them another title or another folder.",
    ),
    Reason.COUNTER_WITHOUT_RATE: Doc(
        "A panel shows a counter as it is. It only ever grows and starts again at 0 after a restart, so its value says nothing.",
        "Put `rate` or `increase` around it, with the range `[$__rate_interval]`.",
    ),
    Reason.FIXED_RANGE: Doc(
        "A panel takes a rate over a range that does not follow the time that is shown.",
        "Write `[$__rate_interval]`: Grafana puts in a range that fits the zoom and holds at least four scrapes.",
    ),
    Reason.LOGQL_SYNTAX: Doc(
        "The text cannot be LogQL: a string or a bracket does not end, or no logs are selected.",
        "Correct it at the column that the finding names; try it in Grafana's Explore.",
    ),
    Reason.QUERY_NOT_PARSED: Doc(
        "There is no parser for this query language here, so only its strings, brackets and variables were looked at.",
        "Nothing need be done. Try the query in Grafana's Explore.",
    ),
    Reason.YAML_SYNTAX: Doc(
        "The text is not YAML from the named place on. Other documents of the same file are read all the same.",
        "Correct it at the line and column that the finding names; the mistake is often on the line before.",
    ),
    Reason.YAML_TOO_DEEP: Doc(
        "The file nests values more deeply than any resource does; reading on could end the program.",
        "Flatten the value.",
    ),
    Reason.YAML_TOO_LARGE: Doc(
        "The file, or what its aliases stand for, is larger than any resource may be.",
        "Split the file, and write out aliases.",
    ),
    Reason.YAML_UNSUPPORTED: Doc(
        "The file uses a part of YAML that Kubernetes' own reader does not take, such as a tag or a key that is no text.",
        "Write the value in plain YAML, as `kubectl apply` would take it.",
    ),
    Reason.RESERVED_FIELD: Doc(
        "A field of log records has a name that the stages use for themselves.", "Choose another name."
    ),
    Reason.REGEX_SYNTAX: Doc(
        "The text is no regular expression of Ruby's engine (Onigmo), which Fluentd uses, or uses a part of it whose cost nobody "
        "can tell, such as a reference back.",
        "Correct it as the message says.",
    ),
    Reason.SLOW_PATTERN: Doc(
        "The time that a regular expression takes can grow much faster than the text, so that one line could stop the collector of "
        "everybody. As a warning: it is used, but not on texts beyond a length: those do not match, cannot be parsed, or (in redact) send their "
        "record to quarantine.",
        "Let two repeats that follow each other, or lie in each other, not take the same characters: `[^ ]+ ` instead of `.* `. "
        "Begin with fixed text rather than with a repeat.",
    ),
    Reason.NAME_NOT_ALLOWED: Doc(
        "A tenant or an index does not belong to the namespace, so two teams could meet in it.",
        "Use the namespace's name, alone or followed by `_` or a dot and more, or have the administrator allow the name "
        "(`tenancy.allow`).",
    ),
    Reason.OUT_OF_ORDER: Doc(
        "A stage stands behind a route where it cannot do what it promises: what has left can no longer be redacted, and text that is "
        "parsed or joined behind the redaction could bring back what was hidden.",
        "Move the stage before the first route.",
    ),
    Reason.NOT_REDACTED: Doc(
        "The pipeline sends logs without redaction, as `redaction.enabled: false` says.",
        "Nothing need be done if that is meant; otherwise leave `redaction` out.",
    ),
    Reason.HIGH_CARDINALITY: Doc(
        "A field whose values hardly ever repeat is made a label of Loki's streams: each value is a stream of its own, which makes "
        "Loki slow and dear.",
        "Leave the label out; the field stays in the line, and `| json` finds it.",
    ),
    Reason.DUPLICATE_RECORDS: Doc(
        "Two inputs of a pipeline can read the same container, so each of its records comes twice.",
        "Narrow one of them, or make one input of both.",
    ),
    Reason.FLUENTD_SYNTAX: Doc(
        "Fluentd refuses to load the configuration: its text does not follow the grammar.",
        "Correct the line that the message names.",
    ),
    Reason.EMBEDDED_CODE: Doc(
        "The configuration makes Fluentd run Ruby or a command: when it reads the file, in a dry run too, or for every record.",
        "Write the value itself, or use a filter that needs no code.",
    ),
    Reason.MISREAD_VALUE: Doc(
        "Fluentd takes the value for another one without saying so: `500ms` is 30,000 s, `64q` is 64 bytes, `abc` is 0.",
        "Write a whole number, or digits directly followed by one unit that Fluentd has (s, m, h, d; k, m, g, t).",
    ),
    Reason.UNKNOWN_OPTION: Doc(
        "A section, parameter or option does not exist; Fluentd warns at most and goes on without it.",
        "Correct the spelling, or remove it.",
    ),
    Reason.UNREACHABLE_SECTION: Doc(
        "No event comes here: an earlier section takes them all, no source or label leads here, or nothing takes the events of a source.",
        "Move the section before the one that takes its events, or remove it.",
    ),
    Reason.MISSING_LABEL: Doc(
        "Events are sent to a label that the configuration does not have; Fluentd notices when the first one comes.",
        "Add the label, or correct its name.",
    ),
    Reason.ROUTING_LOOP: Doc(
        "Events come back to the section that sent them, until the worker dies; all pipelines of the process stop with it.",
        "Send the events to another label or tag.",
    ),
    Reason.UNSAFE_PATH: Doc(
        "A path is empty, leaves the folder it should stay in, or lies where nothing can be written.",
        "Use a fixed path below the folder that the administrator gave.",
    ),
    Reason.FAILS_OPEN: Doc(
        "When the filter fails on a record, Fluentd passes the record on unchanged: a grep on a field within a field that is a text, "
        "a replacement in a number.",
        "Make the field a text first and use a filter that drops what it cannot handle.",
    ),
    Reason.LOSES_RECORDS: Doc(
        "Records, or parts of them, are lost under conditions that do occur; Fluentd does not say so when it loads the file.",
        "Follow the message: it says which records and what prevents it.",
    ),
    Reason.EMPTY_INCLUDE: Doc(
        "An `@include` names no file, or stands among the parameters of a section.",
        "Correct the path, or remove the line.",
    ),
    Reason.DUPLICATE_FIELD: Doc(
        "A field is written twice in one place, and only one of the two values could count.", "Remove one of them."
    ),
    Reason.AMBIGUOUS_VALUE: Doc(
        "YAML 1.2 and kubectl differ on what a value without quotes means, such as `on`, `0777` or `1_000`.",
        "Put the value in quotes if it is text; write `true`, `false` or a plain number otherwise.",
    ),
    Reason.FILE_UNREADABLE: Doc(
        "The file cannot be opened, or is not text in UTF-8.", "Check its path and permissions, and save it as UTF-8."
    ),
    Reason.UNKNOWN_KIND: Doc(
        "There is no such kind, or it is not served in this version.",
        "Write the kind or the `apiVersion` that the finding names.",
    ),
    Reason.DUPLICATE_RESOURCE: Doc(
        "Two resources of one kind have the same namespace and name; only the first counts.",
        "Rename or remove one of them.",
    ),
    Reason.NOT_A_RESOURCE: Doc(
        "The document is not of Binnacle's API group, `binnacle.dev`, and is passed over.",
        "Nothing need be done. If it is meant to be one of Binnacle's resources, correct its `apiVersion`. Of files of other tools the "
        "finding says which command converts them, or what there is here instead.",
    ),
}
"""Cause and fix of every reason."""


def render_reasons() -> str:
    """Return docs/reasons.md: every reason in alphabetical order with cause and fix."""
    lines = [
        "# Reasons",
        "",
        "Every reason that a condition or a finding can have, what causes it, and what to do.",
        "Generated from `operator/binnacle/api/reasons.py`; do not edit.",
        "",
    ]
    for reason in sorted(Reason):
        doc = DOCS[reason]
        lines += [f"## {reason.value}", "", f"**Cause:** {doc.cause}", "", f"**Fix:** {doc.fix}", ""]
    return "\n".join(lines)
