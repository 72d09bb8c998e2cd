"""The fence around what a namespace may read: a matcher on every selector of the PromQL that its teams write.

It is there where the administrator turns on `tenancy.namespaceLabel`. A tree is fenced where it is read, so whatever is made of
it afterwards (rules, proofs, costs, boards) is about what stands inside.

Series that Binnacle and Prometheus make have no such label, and say in others whose they are; selectors of their names get a
matcher on those. A selector that names no metric leaves those series out.
"""

from dataclasses import dataclass, replace
from typing import Final

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.labels import RESERVED_SERIES, RESERVED_SERIES_PREFIXES
from binnacle.api.reasons import Reason
from binnacle.intent import series
from binnacle.promql import facts, parse, to_text
from binnacle.promql.nodes import METRIC_NAME, Call, Matcher, MatchOp, Node, Selector, map_nodes

SETTING: Final = "tenancy.namespaceLabel"
_OF_SLOS: Final = "slo:"
_OF_OTHERS: Final = "binnacle:"
_MADE: Final = Matcher(
    METRIC_NAME,
    MatchOp.NOT_REGEX,
    "|".join((*RESERVED_SERIES, *(f"{prefix}.*" for prefix in RESERVED_SERIES_PREFIXES))),
)
"""Leaves out what Binnacle and Prometheus make."""
_JOINS_BY_ITSELF: Final = "info"


@dataclass(frozen=True, slots=True)
class Fence:
    """What a namespace may read.

    Attributes:
        namespace: the namespace.
        label: the label that holds the namespace of a series; None where everything may be read.
    """

    namespace: str = ""
    label: str | None = None

    @classmethod
    def of(cls, config: Config, namespace: str) -> "Fence":
        """Return the fence of a namespace."""
        return cls(namespace, config.tenancy.namespace_label)

    @property
    def labels(self) -> dict[str, str]:
        """The label that series of the namespace have, for those that are recorded for it; empty without a fence."""
        return {} if self.label is None else {self.label: self.namespace}

    @property
    def scope(self) -> str:
        """The namespace to which what is read belongs by the label `namespace`; empty where that label does not say so."""
        return self.namespace if self.label == "namespace" else ""

    @property
    def effective(self) -> list[dict[str, str]]:
        """What status and `explain` say of it; nothing without a fence."""
        if self.label is None:
            return []
        return [{"name": SETTING, "value": to_text(Selector(None, (self._own(self.label),)))}]

    def around(self, node: Node) -> Node:
        """Return the tree with every selector in it fenced; a tree that is fenced already is returned as it is."""
        if self.label is None:
            return node
        return map_nodes(node, lambda inner: self.selector(inner) if isinstance(inner, Selector) else inner)

    def selector(self, selector: Selector) -> Selector:
        """Return a selector that selects what it did, of the namespace alone.

        Matchers of a selector all have to hold, so a matcher of the user on the same label can only narrow it further.
        """
        if self.label is None:
            return selector
        wanted = [self._own(_owner_of(selector.name) or self.label)]
        if selector.name is None:
            wanted.append(_MADE)
        lacking = tuple(one for one in wanted if one not in selector.matchers)
        return replace(selector, matchers=(*selector.matchers, *lacking)) if lacking else selector

    def text(self, promql: str) -> str:
        """Return an expression with variables of Grafana in it, fenced; without a fence as it was written.

        Raises:
            PromQLError: the text is not PromQL.
        """
        return promql if self.label is None else to_text(self.around(parse(promql, variables=True)))

    def series(self, notation: str) -> str:
        """Return a series that a test of the namespace feeds: of the namespace, unless the test says of which.

        Raises:
            PromQLError: the text is not PromQL.
        """
        node = parse(notation)
        if self.label is None or not isinstance(node, Selector):
            return notation
        label = _owner_of(node.name) or self.label
        if any(matcher.name == label for matcher in node.matchers):
            return notation
        return to_text(replace(node, matchers=(*node.matchers, self._own(label))))

    def findings(self, node: Node, path: str) -> list[Finding]:
        """Return what is wrong, within the fence, with a tree as it was written.

        Args:
            node: the tree, fenced or not.
            path: of the field that it was written in.
        """
        if self.label is None:
            return []
        found: list[Finding] = []
        # Of two arguments the second says which series are joined, of one argument all that Prometheus finds.
        if any(isinstance(inner, Call) and inner.func == _JOINS_BY_ITSELF for inner in facts.walk(node)):
            message = "info() reads series that no selector names, also those of other namespaces."
            fix = "Join with * on (job, instance) group_left () and a selector."
            found.append(Finding(Severity.ERROR, Reason.NOT_SUPPORTED, path, message, fix))
        for selector in dict.fromkeys(facts.selectors(node)):
            label = _owner_of(selector.name) or self.label
            for matcher in selector.matchers:
                if matcher.name == label and self._excludes(matcher):
                    message = (
                        f"Only series of the namespace {self.namespace} can be read ({SETTING}), and none of them has "
                        f"{to_text(Selector(None, (matcher,)))}."
                    )
                    found.append(
                        Finding(Severity.WARNING, Reason.LABEL_NOT_AVAILABLE, path, message, "Remove the matcher.")
                    )
        return list(dict.fromkeys(found))

    def _own(self, label: str) -> Matcher:
        return Matcher(label, MatchOp.EQUAL, self.namespace)

    def _excludes(self, matcher: Matcher) -> bool:
        """Tell whether a matcher surely leaves out the namespace; of patterns and variables that is not asked."""
        if "$" in matcher.value or "[[" in matcher.value:
            return False
        if matcher.op is MatchOp.EQUAL:
            return matcher.value != self.namespace
        return matcher.op is MatchOp.NOT_EQUAL and matcher.value == self.namespace


OPEN: Final = Fence()
"""No fence: everything may be read."""


def _owner_of(name: str | None) -> str | None:
    """Return the label that says whose a series is that Binnacle or Prometheus makes; None for all other names."""
    if name is None:
        return None
    if name.startswith(_OF_SLOS):
        return series.SLO_NAMESPACE
    if name.startswith(_OF_OTHERS) or name in RESERVED_SERIES:
        return series.BINNACLE_NAMESPACE
    return None
