"""Bad input on a real API server: what is wrong with each, who says so, and an operator among a hundred good SLOs."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import promql_parser

from api.slo_cases import good_slo, put
from binnacle.promql import to_text
from binnacle.promql.convert import convert
from binnacle.promql.nodes import Matcher, MatchOp, Node, Selector, map_nodes
from binnacle.promql.sentinels import NO_SENTINELS
from binnacle.targets.yamltext import document
from servers.audit import WriteCounter, WriteRecord, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess
from servers.waiting import PATIENCE, eventually

Object = dict[str, Any]
Change = Callable[[Object], None]

AGGREGATE: Final = "binnacle-default-rules"
MONITORING: Final = "monitoring"


@dataclass(frozen=True)
class Refused:
    """Input that the API server refuses: `field` and `says` stand in kubectl's error."""

    name: str
    changes: tuple[Change, ...]
    field: str
    says: str


@dataclass(frozen=True)
class Stalled:
    """Input that the API server takes and the compiler refuses: status says so at `path`, and nothing is applied."""

    name: str
    changes: tuple[Change, ...]
    path: str
    reason: str
    says: str
    fix: str
    column: int | None = None


def refused(name: str, *changes: Change, field: str, says: str) -> Refused:
    return Refused(name, changes, field, says)


def stalled(
    name: str, *changes: Change, path: str, reason: str, says: str, fix: str, column: int | None = None
) -> Stalled:
    return Stalled(name, changes, path, reason, says, fix, column)


def changed(changes: tuple[Change, ...], name: str, namespace: str) -> Object:
    """A good SLO with changes."""
    obj = copy.deepcopy(good_slo(name, namespace))
    for change in changes:
        change(obj)
    return obj


RATIO: Final = "spec.indicator.ratio"
ERRORS: Final = f"{RATIO}.errors"
TOTAL: Final = f"{RATIO}.total"
HISTOGRAM: Final = "spec.indicator.latency.histogram"
BURN: Final = "spec.alerting.burnRates"


def latency(histogram: str, **more: str) -> Change:
    return put("spec.indicator", {"latency": {"histogram": histogram, "below": "300ms", **more}})


AT_ADMISSION: Final = (
    # the schema
    refused("number-for-text", put("spec.objective", 99.9), field="spec.objective", says="must be of type string"),
    refused("no-objective", put("spec.objective", ...), field="objective", says="required"),
    refused("unknown-severity", put(f"{BURN}.0.severity", "page"), field=f"{BURN}[0].severity", says='supported values: "critical"'),
    refused("nine-groups", put("spec.groupBy", list("abcdefghi")), field="spec.groupBy", says="at most 8 items"),
    refused("misspelled-field", put("spec.objctive", "99%"), field="objctive", says="unknown field"),
    refused("endless-promql", put(TOTAL, "x" * 5000), field=TOTAL, says="may not be more than 4096"),
    # CEL
    refused("promise-of-100-percent", put("spec.objective", "100%"), field="spec.objective", says="above 0% and below 100%"),
    refused("units-swapped", put("spec.window.rolling", "1h30d"), field="spec.window.rolling", says="largest unit first"),
    refused("errors-and-good", put(f"{RATIO}.good", "x_total"), field=RATIO, says="exactly one of errors, good"),
    refused("two-indicators", put("spec.indicator.latency", {"histogram": "h", "below": "1s"}), field="spec.indicator", says="exactly one of ratio, latency"),
    refused("reserved-label", put("spec.labels", {"slo": "x"}), field="spec.labels", says="other than alertname"),
    refused("label-in-two-roles", put("spec.labels", {"region": "eu"}), field="spec.labels", says="would merge the groups"),
    refused("short-window-not-shorter", put(f"{BURN}.0.short", "1h"), field=f"{BURN}[0].short", says="shorter than the long"),
    refused("template-in-label", put("spec.labels", {"team": "{{ $value }}"}), field="spec.labels", says="without {{"),
    refused("script-as-runbook", put("spec.alerting.runbook.url", "javascript:alert(1)"), field="spec.alerting.runbook.url", says="begins with http"),
)  # fmt: skip

AT_COMPILATION: Final = (
    stalled("open-string", put(ERRORS, 'http_requests_total{code=~"5..}'), path=ERRORS, reason="PromQLSyntax", says="no closing", fix='Add ".', column=27),
    stalled("two-equals", put(ERRORS, 'http_requests_total{code=="500"}'), path=ERRORS, reason="PromQLSyntax", says="one of =, !=, =~ and !~", fix="Write one of them.", column=25),
    stalled("typographic-quotes", put(TOTAL, "http_requests_total{code=\u201c500\u201d}"), path=TOTAL, reason="PromQLSyntax", says="typographic", fix='Write " instead', column=26),
    stalled("broken-regex", put(ERRORS, 'http_requests_total{code=~"5(["}'), path=ERRORS, reason="PromQLSyntax", says="", fix=""),
    stalled("rate-written-out", put(ERRORS, "rate(http_requests_total[5m])"), path=ERRORS, reason="NotASelector", says="`rate` is added for you", fix="Write only the metric", column=1),
    stalled("range-written-out", put(TOTAL, "http_requests_total[5m]"), path=TOTAL, reason="NotASelector", says="range", fix="Write only the metric", column=1),
    stalled("two-metrics", put(TOTAL, "a_total or b_total"), path=TOTAL, reason="NotASelector", says="Only a metric", fix="Write a plain selector", column=1),
    stalled("nameless", put(TOTAL, '{job="x"}'), path=TOTAL, reason="NotASelector", says="does not name its metric", fix="before the braces", column=1),
    stalled("deep-nesting", put(TOTAL, "(" * 300 + "x" + ")" * 300), path=TOTAL, reason="PromQLTooLarge", says="400 brackets", fix="recording rules"),
    stalled("many-bytes", put(TOTAL, 'x_total{a="' + "\u00e4" * 2500 + '"}'), path=TOTAL, reason="PromQLTooLarge", says="4096 bytes", fix="recording rules"),
    stalled("part-of-a-histogram", latency("http_request_duration_seconds_bucket"), path=HISTOGRAM, reason="InvalidValue", says="is a part of a histogram", fix="Write http_request_duration_seconds;"),
    stalled("bucket-chosen-twice", latency('http_request_duration_seconds{le="0.3"}'), path=HISTOGRAM, reason="InvalidValue", says="by `below`", fix="Remove the matcher on le."),
    stalled("number-as-group", put("spec.groupBy", ["region", "NaN"]), path="spec.groupBy[1]", reason="InvalidValue", says="as a number", fix="metricRelabelings"),
    stalled("injection", put(ERRORS, 'x"} or vector(1) #'), path=ERRORS, reason="PromQLSyntax", says="", fix=""),
)  # fmt: skip


@dataclass(frozen=True)
class State:
    """What is in the cluster.

    Attributes:
        versions: the resourceVersion of every SLO and every child, the shared ConfigMaps included, by kind and name.
        served: what Prometheus is given for each SLO, by its name.
    """

    versions: Mapping[tuple[str, str], str]
    served: Mapping[str, str]

    def changed_since(self, before: "State") -> set[tuple[str, str]]:
        """What was there before and has another version now, or none."""
        return {key for key, version in before.versions.items() if self.versions.get(key) != version}


class Arena:
    """An operator that writes rules one way, and a namespace with good SLOs around a victim.

    Args:
        output: `operator` (PrometheusRule objects) or `configMap`.
    """

    def __init__(
        self, cluster: ControlPlane, operator: OperatorProcess, counter: WriteCounter, namespace: str, output: str
    ):
        self.cluster = cluster
        self.operator = operator
        self.counter = counter
        self.namespace = namespace
        self.output = output

    def try_apply(self, *objects: Object, server_side: bool = False) -> str:
        """`kubectl apply`; what it complains about, empty when it took everything."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        flags = ("--server-side", "--force-conflicts") if server_side else ()
        return self.cluster.kubectl("apply", *flags, "-f", "-", input=document, check=False, timeout=PATIENCE).stderr

    def apply(self, *objects: Object, server_side: bool = False) -> None:
        """`kubectl apply` of what must be taken."""
        complaint = self.try_apply(*objects, server_side=server_side)
        assert complaint == "", complaint[:2000]

    def slos(self) -> dict[str, Object]:
        """All SLOs of the namespace by name."""
        return {one["metadata"]["name"]: one for one in self.cluster.get("slo", "-n", self.namespace)["items"]}

    def status(self, name: str, limit: float = PATIENCE, *, kind: str = "SLO") -> Object:
        """The status of a resource once it is about the generation that is there, and not of work under way."""

        def current() -> Object:
            found = self.cluster.get(kind, name, "-n", self.namespace)
            status: Object = found.get("status", {})
            # Work that takes some seconds is told of in between.
            return status if _is_settled(found) else {}

        return eventually(current, limit=limit, what=f"a status about the spec of {name}")

    def all_settled(self, limit: float = PATIENCE) -> dict[str, Object]:
        """Every SLO of the namespace, once each status is about the spec that is there and none is being worked on."""

        def settled() -> dict[str, Object]:
            slos = self.slos()
            return slos if all(_is_settled(one) for one in slos.values()) else {}

        return eventually(settled, limit=limit, every=0.5, what="a status for every SLO")

    def rest(self) -> None:
        """Wait until nothing that is due is still to be written, of anybody.

        Rules are served before the status says so: who waited for the rules alone leaves a status behind that is due.
        """
        self.all_settled()
        self.counter.settle(self.counter.mark(), quiet=4.0, user=USER)

    def state(self) -> "State":
        """All that the others could notice of a change."""
        kinds = "slo,prometheusrule" if self.output == "operator" else "slo"
        items = self.cluster.get(kinds, "-n", self.namespace)["items"]
        if self.output == "configMap":
            items += self.cluster.get("configmap", "-n", MONITORING, "-l", "binnacle.dev/aggregate=rules")["items"]
        stem = f"slo.{self.namespace}."
        served: dict[str, str] = {}
        for one in items:
            if one["kind"] == "PrometheusRule":
                served[one["metadata"]["name"].removeprefix("binnacle-slo-")] = document(one["spec"])
            elif one["kind"] == "ConfigMap":
                mine = {key: text for key, text in one.get("data", {}).items() if key.startswith(stem)}
                served |= {key.removeprefix(stem).removesuffix(".yaml"): text for key, text in mine.items()}
        versions = {(one["kind"], one["metadata"]["name"]): one["metadata"]["resourceVersion"] for one in items}
        return State(versions, served)

    def served(self) -> dict[str, str]:
        """What Prometheus is given for each SLO of the namespace: the text of its rules, by the SLO's name."""
        return self.state().served

    def writes(self, mark: int) -> list[str]:
        """What the operator has written since a mark, once it writes nothing more."""
        return [_short(one) for one in counted(self.counter.settle(mark, quiet=0.7, user=USER), user=USER)]


def _short(record: WriteRecord) -> str:
    return f"{record.verb} {record.resource}{'/' if record.subresource else ''}{record.subresource} {record.name}"


def _is_settled(slo: Mapping[str, Any]) -> bool:
    status = slo.get("status", {})
    ready = condition(status, "Ready")
    return (
        status.get("observedGeneration") == slo["metadata"]["generation"]
        and ready is not None
        and ready["status"] != "Unknown"
    )


def condition(status: Mapping[str, Any], kind: str) -> Object | None:
    """A condition by its type."""
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), None)


# -- the structure of rules ------------------------------------------------------------------------------------------


def structure(groups: list[Object], users: frozenset[str] = frozenset()) -> list[Any]:
    """Rules without what users may choose: what must be the same whatever strings they wrote.

    Names of groups are cut to their part, selectors of users' series become `m`, values of our identity labels `x`;
    the annotations in `users` are left out.
    """
    return [
        (
            group["name"].split(".")[3],
            group.get("interval"),
            [
                (
                    rule.get("record") or rule.get("alert"),
                    to_text(map_nodes(_tree(rule["expr"]), _anonymous)),
                    rule.get("for"),
                    rule["labels"].get("severity"),
                    sorted(set(rule.get("annotations", {})) - users),
                )
                for rule in group["rules"]
            ],
        )
        for group in groups
    ]


def _tree(text: str) -> Node:
    """Parse without the fence of 4 KiB, which is for what people write: rules are made of several such expressions."""
    return convert(promql_parser.parse(text), NO_SENTINELS)


def _anonymous(node: Node) -> Node:
    if not isinstance(node, Selector):
        return node
    if not (node.name or "").startswith("slo:"):
        return Selector("m", (), node.offset)
    matchers = tuple(Matcher(one.name, MatchOp.EQUAL, "x") for one in node.matchers)
    return Selector(node.name, matchers, node.offset)


# -- hostile strings -------------------------------------------------------------------------------------------------

PAYLOADS: Final = (
    'x"} or vector(1) #',
    "x'} or vector(1) #",
    '"',
    "'",
    "\\",
    "\\\\\" \\'",
    "`",
    "a\nb: c\n- d",
    "a\r\nb",
    "\n  - alert: Injected\n    expr: vector(1)\n",
    "# a comment",
    "- item",
    "{a: b}",
    "[x, y]",
    "&anchor *alias !!tag |\n  block",
    "---\n...\n",
    "%YAML 1.1",
    "null",
    "~",
    "yes",
    "1e3",
    "2026-11-21",
    "0x1F",
    ": ",
    "a: b",
    " #",
    " leading and trailing ",
    "{{",
    "}}",
    "{{ .Value }}",
    '{{ query "up" }}',
    "{{ range query `up` }}x{{ end }}",
    '{{ template "x" }}{{ define "x" }}y{{ end }}',
    "{{/* comment",
    "{" * 7,
    "$value $labels",
    "${x} $(x) `x`",
    "<script>alert(1)</script>",
    "\u202eabc\u202c \u200f\u200e\u2066",
    "\u200b\ufeff\u00ad",
    "\u0085\u2028\u2029",
    "\x07\x1b[31m\x7f",
    "e\u0301\u0308 \U0001f4a9 \U000e0041",
    "\ufffe\uffff",
    "x" * 900,
    "\U0001f4a9" * 200,
)

SHORT: Final = ('x"} or vector(1) #', "a\nb", "{{ .Value }}", "null", "\u202ex", "'", "- a: b")

WORDS: Final = ("null", "on", "y", "true", "nan", "inf", "by", "offset", "__x", "le", "e1")
"""Names with a meaning in YAML, PromQL or Prometheus, for where only names are taken."""


def quoted(text: str) -> str:
    """A PromQL string, as a careful user writes one."""
    return json.dumps(text)


FREE: Final[Mapping[str, Callable[[str], tuple[Change, ...]]]] = {
    "prose": lambda text: (
        put("spec.description", text),
        put("spec.labels", {"team": text}),
        put("spec.annotations", {"note": text}),
    ),
    "annotation": lambda text: (put("spec.annotations", {"note": text, "description": text}),),
    "owner": lambda text: (put("spec.owner", text),),
    "matcher": lambda text: (put(ERRORS, f"http_requests_total{{path={json.dumps(text)}}}"),),
    "selector": lambda text: (put(ERRORS, text),),
    "total": lambda text: (put(TOTAL, f"http_requests_total{text}"),),
    "histogram": lambda text: (latency(f'h_seconds{{path="{text}"}}'),),
}
"""Where prose and PromQL are taken, as a function from the hostile text to the changes that write it there."""

NARROW: Final[Mapping[str, Callable[[str], tuple[Change, ...]]]] = {
    "service": lambda text: (put("spec.service", text),),
    "environment": lambda text: (put("spec.environment", text),),
    "runbook": lambda text: (put("spec.alerting.runbook.url", f"https://x.example/{text}"),),
    "label-name": lambda text: (put("spec.labels", {text: "x"}),),
    "annotation-name": lambda text: (put("spec.annotations", {text: "x"}),),
    "group": lambda text: (put("spec.groupBy", [text]),),
    "burn-rate": lambda text: (put(f"{BURN}.0.name", text),),
    "objective": lambda text: (put("spec.objective", text),),
    "severity": lambda text: (put(f"{BURN}.0.severity", text),),
}
"""Where names and values of a fixed shape are taken."""


def hostile(namespace: str) -> dict[str, Object]:
    """SLOs with a hostile text in one place each, by name: `<place>-<number>`."""
    chosen = [(place, number, change(text)) for place, change in FREE.items() for number, text in enumerate(PAYLOADS)]
    texts = (*SHORT, *WORDS)
    chosen += [(place, number, change(text)) for place, change in NARROW.items() for number, text in enumerate(texts)]
    return {f"{place}-{number}": changed(changes, f"{place}-{number}", namespace) for place, number, changes in chosen}
