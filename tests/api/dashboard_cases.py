"""Dashboards that must be refused by the models, and by a real API server from the CRD."""

from __future__ import annotations

from api.cases import Bad, Case
from api.slo_cases import put
from compile.dashboards import good_dashboard

bad = Bad(good_dashboard)

PANEL = "rows.0.panels.0"
AT = "spec.rows[traffic].panels[requests]"

BAD = [
    bad("no-title", "title", ..., fix="Add title", server="Required value"),
    bad("title-of-spaces", "title", "  ", fix="without spaces", server="without spaces"),
    bad("title-of-two-lines", "title", "a\nb", fix="one line", server="one line"),
    bad("nested-folder", "folder", "shop/deep", fix="letters, digits, spaces", server="letters, digits, spaces"),
    bad("dotted-folder", "folder", "..", fix="letters, digits, spaces", server="letters, digits, spaces"),
    bad("folder-that-ends-in-a-space", "folder", "shop ", fix="without spaces", server="without spaces"),
    bad("refresh-too-often", "refresh", "1s", fix="from 5s to 1d", server="from 5s to 1d"),
    bad("refresh-as-number", "refresh", 60, fix="a unit", server="must be of type string"),
    bad("time-in-words", "time.from", "yesterday", fix="now-6h", server="now-6h"),
    bad("unknown-panel", f"{PANEL}.type", "heatmap", path=f"{AT}.type", fix="timeseries", server="Unsupported value"),
    bad("panel-without-queries", f"{PANEL}.queries", ..., path=f"{AT}.queries", fix="Add queries", server="Give queries to every panel"),
    bad("panel-with-no-query", f"{PANEL}.queries", [], path=f"{AT}.queries", fix="at least 1", server="at least 1"),
    bad("content-beside-queries", f"{PANEL}.content", "x", path=f"{AT}.content", fix="Leave it out", server="Give content to a panel of type text"),
    bad("too-wide", f"{PANEL}.width", 25, path=f"{AT}.width", fix="24", server="less than or equal to 24"),
    bad("width-of-nothing", f"{PANEL}.width", 0, path=f"{AT}.width", fix="1", server="greater than or equal to 1"),
    bad("width-as-text", f"{PANEL}.width", "12", path=f"{AT}.width", fix="without quotes", server="must be of type integer"),
    bad("name-in-capitals", f"{PANEL}.name", "Requests", path="spec.rows[traffic].panels[Requests].name", fix="lower-case", server="lower-case"),
    bad("two-languages", f"{PANEL}.queries.0.logql", '{a="b"}', path=f"{AT}.queries[a]", fix="exactly one of promql, logql", server="exactly one of promql, logql"),
    bad("colour-in-words", f"{PANEL}.thresholds", [{"color": "Light Red"}], path=f"{AT}.thresholds[0].color", fix="Grafana's name", server="Grafana's name"),
    bad("threshold-as-float", f"{PANEL}.thresholds", [{"value": 0.5, "color": "red"}], path=f"{AT}.thresholds[0].value", fix="in quotes", server="must be of type integer"),
    bad("script-as-link", "links.0.url", "javascript:alert(1)", path="spec.links[runbook].url", fix="http", server="http"),
    bad("link-to-nothing", "links.0.url", ..., path="spec.links[runbook]", fix="exactly one", server="exactly one of url, dashboard, slo"),
    bad("variable-of-grafana", "variables.0.name", "__interval", path="spec.variables[__interval].name", fix="beginning with a letter", server="beginning with a letter"),
    bad("values-of-a-query", "variables.0.values", ["a"], path="spec.variables[region].values", fix="Leave it out", server="Give values to a variable of type custom"),
    bad("comma-in-a-value", "variables.1.values", ["a,b"], path="spec.variables[env].values[0]", fix="letters, digits", server="letters, digits"),
    bad("several-in-a-textbox", "variables.3.multi", True, path="spec.variables[search].multi", fix="Leave it out", server="Give multi to variables"),
    bad("unknown-template", "template.name", "golden", path="spec.template.name", fix="red", server="Unsupported value"),
    bad("labels", "labels", {"a": "b"}, fix="", server=""),
    bad("json", "json", {}, fix="", server=""),
    Case(good_dashboard, "nothing-at-all", (put("spec.rows", ...), put("spec.template", ...)), "spec.rows", "Give a template, or rows", "Give a template, or rows"),
]  # fmt: skip
"""Those whose `server` is empty have a field that is not there: the API server prunes it."""
