"""The template `red`: requests, errors and duration of a service that answers HTTP.

The metrics are those of the common client libraries: `http_requests_total` with the label `code`, and the histogram
`http_request_duration_seconds`.
"""

from typing import Final

from binnacle.api.config import DatasourceType
from binnacle.api.dashboard_panels import PanelType
from binnacle.api.slo_indicators import HistogramType
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard.datasources import Datasources
from binnacle.compile.dashboard.template import Part, Sketch
from binnacle.intent.dashboard import Query, Shown
from binnacle.promql import build as q
from binnacle.promql import to_text
from binnacle.promql.nodes import Call, Matcher, Node, Range, Selector, Variable

_REQUESTS: Final = "http_requests_total"
_DURATION: Final = "http_request_duration_seconds"
_RANGE: Final = Variable("$__rate_interval")
_PERCENTILES: Final = ((50, "0.5"), (95, "0.95"), (99, "0.99"))


def red(service: str, datasources: Datasources, contract: Contract) -> Part:
    """Return the row of a service: requests by code, share of errors, and how long requests take."""
    source, _ = datasources.find(None, DatasourceType.PROMETHEUS, "")
    if source is None:
        raise ValueError("there is always a datasource to choose")
    own = q.eq("service", service)

    reads: list[Node] = []

    def query(name: str, expr: Node, legend: str) -> Query:
        reads.append(contract.fence.around(expr))
        return Query(name, to_text(reads[-1]), source, Shown.RANGE, legend)

    durations = tuple(
        query(f"P{percent}", _quantile(share, own, contract), f"p{percent}") for percent, share in _PERCENTILES
    )
    panels = (
        Sketch(
            "requests",
            PanelType.TIMESERIES,
            "Requests",
            "Requests per second, by status code.",
            "reqps",
            (query("A", q.sum_by(("code",), _rate(q.sel(_REQUESTS, own))), "{{code}}"),),
            8,
        ),
        Sketch(
            "errors",
            PanelType.TIMESERIES,
            "Errors",
            "Share of requests that were answered with a status from 500 on.",
            "percentunit",
            (query("A", _errors(own), "errors"),),
            8,
        ),
        Sketch(
            "duration",
            PanelType.TIMESERIES,
            "Duration",
            "How long requests take: half of them, 95% and 99% are faster.",
            "s",
            durations,
            8,
        ),
    )
    return Part("red", f"{service}: requests, errors, duration", panels, tuple(reads))


def _rate(selector: Selector) -> Call:
    return Call("rate", (Range(selector, _RANGE),))


def _errors(own: Matcher) -> Node:
    """Return the share of errors: 0, and not nothing, while there has not been an error yet."""
    total = q.sum_by((), _rate(q.sel(_REQUESTS, own)))
    bad = q.sum_by((), _rate(q.sel(_REQUESTS, own, q.regex("code", "5.."))))
    return q.div(q.or_(bad, q.mul(total, q.num(0))), total)


def _quantile(share: str, own: Matcher, contract: Contract) -> Node:
    if contract.histogram_type(_DURATION) is HistogramType.NATIVE:
        inner: Node = q.sum_by((), _rate(q.sel(_DURATION, own)))
    else:
        inner = q.sum_by(("le",), _rate(q.sel(f"{_DURATION}_bucket", own)))
    return Call("histogram_quantile", (q.num(float(share)), inner))
