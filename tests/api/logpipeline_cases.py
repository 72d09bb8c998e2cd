"""Log pipelines that must be refused by the models, and by a real API server from the CRD."""

from __future__ import annotations

from api.cases import Bad
from compile.logpipelines import good_pipeline

bad = Bad(good_pipeline)

JOIN, PARSE, ENV, PRIVATE, NOISE, AUDIT = (f"stages.{number}" for number in range(6))
OVER = "spec.stages[audit].route.when[0]"

BAD = [
    bad("no-outputs", "outputs", ..., fix="Add outputs", server="Required value"),
    bad("nothing-in-outputs", "outputs", [], fix="at least 1", server="at least 1"),
    bad("output-to-nowhere", "outputs.0", {"name": "x"}, path="spec.outputs[x]", fix="exactly one", server="exactly one of loki, elasticsearch, stdout"),
    bad("output-to-two", "outputs.0.stdout", {}, path="spec.outputs[loki]", fix="exactly one", server="exactly one of loki, elasticsearch, stdout"),
    bad("index-with-a-date", "outputs.1.elasticsearch.index", "shop-%Y.%m", path="spec.outputs[audit].elasticsearch.index", fix="lower-case letters", server="lower-case letters"),
    bad("index-with-a-field", "outputs.1.elasticsearch.index", "shop_${tag}", path="spec.outputs[audit].elasticsearch.index", fix="lower-case letters", server="lower-case letters"),
    bad("tenant-with-a-field", "outputs.0.loki.tenant", "shop.${x}", path="spec.outputs[loki].loki.tenant", fix="letters, digits", server="letters, digits"),
    bad("index-that-leaves", "outputs.1.elasticsearch.index", "shop/../x", path="spec.outputs[audit].elasticsearch.index", fix="lower-case letters", server="lower-case letters"),
    bad("pod-with-an-underscore", "inputs.0.containers.pods.0", "*_other_*", path="spec.inputs[app].containers.pods[0]", fix="the name of a pod", server="the name of a pod"),
    bad("pod-with-a-slash", "inputs.0.containers.pods.0", "../*", path="spec.inputs[app].containers.pods[0]", fix="the name of a pod", server="the name of a pod"),
    bad("input-of-nothing", "inputs.0", {"name": "x"}, path="spec.inputs[x]", fix="exactly one", server="exactly one of containers"),
    bad("selector", "inputs.0.containers.selector", {"matchLabels": {"a": "b"}}, fix="", server=""),
    bad("two-in-one-stage", f"{JOIN}.parse", {"format": "json"}, path="spec.stages[join]", fix="exactly one of multiline, parse", server="exactly one of multiline, parse"),
    bad("preset-and-start", f"{JOIN}.multiline.start", "x", path="spec.stages[join].multiline", fix="exactly one of preset, start", server="exactly one of preset, start"),
    bad("unknown-preset", f"{JOIN}.multiline.preset", "cobol", path="spec.stages[join].multiline.preset", fix="java", server="Unsupported value"),
    bad("flush-in-parts-of-a-second", f"{JOIN}.multiline.flushAfter", "1500ms", path="spec.stages[join].multiline.flushAfter", fix="multiple of 1s", server="multiple of 1s"),
    bad("regex-without-pattern", f"{PARSE}.parse.format", "regex", path="spec.stages[parse].parse.pattern", fix="Add pattern", server="Give pattern"),
    bad("pattern-without-regex", f"{PARSE}.parse.pattern", "(?<a>x)", path="spec.stages[parse].parse.pattern", fix="Leave it out", server="Give pattern"),
    bad("pattern-of-two-lines", f"{NOISE}.filter.drop.0", {"field": "a", "matches": "a\nb"}, path="spec.stages[noise].filter.drop[0].matches", fix="in one line", server="should match"),
    bad("reserved-field", f"{PARSE}.parse.timeKey", "lp_time", path="spec.stages[parse].parse.timeKey", fix="begin with lp_", server="begin with lp_"),
    bad("reserved-in-add", f"{ENV}.enrich.add", {"lp_mark.x": "1"}, path="spec.stages[env].enrich.add[lp_mark.x]", fix="begin with lp_", server="begin with lp_"),
    bad("field-of-nothing", f"{ENV}.enrich.add", {"a..b": "1"}, path="spec.stages[env].enrich.add[a..b]", fix="dots between them", server="with dots between keys"),
    bad("field-within-a-text", f"{ENV}.enrich.add", {"a": "1", "a.b": "2"}, path="spec.stages[env].enrich.add[a.b]", fix="Leave one of them out", server=""),
    bad("nothing-added", f"{ENV}.enrich", {}, path="spec.stages[env].enrich.add", fix="Give kubernetes, or add", server="Give kubernetes, or add"),
    bad("nothing-redacted", f"{PRIVATE}.redact", {}, path="spec.stages[private].redact.packs", fix="Give packs, keys or patterns", server="Give packs, keys or patterns"),
    bad("star-alone", f"{PRIVATE}.redact.keys", ["**"], path="spec.stages[private].redact.keys[0]", fix="a path from the top", server="a path from the top"),
    bad("star-in-a-name", f"{PRIVATE}.redact.keys", ["pass*"], path="spec.stages[private].redact.keys[0]", fix="a path from the top", server="a path from the top"),
    bad("unknown-pack", f"{PRIVATE}.redact.packs", ["pci"], path="spec.stages[private].redact.packs[0]", fix="default", server="Unsupported value"),
    bad("salt-as-text", f"{PRIVATE}.redact.salt", "abc", path="spec.stages[private].redact.salt", fix="Write the fields", server="must be of type object"),
    bad("nothing-filtered", f"{NOISE}.filter", {}, path="spec.stages[noise].filter.drop", fix="Give drop, or keep", server="Give drop, or keep"),
    bad("no-question", f"{NOISE}.filter.drop.0", {"field": "a"}, path="spec.stages[noise].filter.drop[0]", fix="exactly one", server="exactly one of equals, in, matches, exists, not"),
    bad("two-questions", f"{NOISE}.filter.drop.0", {"field": "a", "in": ["x"], "exists": True}, path="spec.stages[noise].filter.drop[0]", fix="exactly one of equals, in", server="exactly one of equals, in"),
    bad("boolean-to-compare", f"{NOISE}.filter.drop.0.equals", True, path="spec.stages[noise].filter.drop[0].equals", fix="in quotes", server="must be of type integer"),
    bad("nothing-denied", f"{AUDIT}.route.when.0.not", {}, path=f"{OVER}.not", fix="exactly one", server="exactly one of equals, in, matches, exists"),
    bad("twice-denied", f"{AUDIT}.route.when.0.not", {"not": {"equals": "a"}}, fix="", server=""),
    bad("route-without-a-question", f"{AUDIT}.route.when", [], path="spec.stages[audit].route.when", fix="at least 1", server="at least 1"),
    bad("off-without-a-reason", "redaction", {"enabled": False}, path="spec.redaction.reason", fix="Say in reason", server="Say in reason"),
    bad("buffer-of-nothing", "buffer.size", "1Ki", fix="from 8Mi to 256Gi", server=""),
    bad("retry-never", "buffer.retry.maxInterval", "0s", fix="from 1s to 1h", server="from 1s to 1h"),
    bad("line-of-two-lines", "tests.0.input", ["a\nb"], path="spec.tests[mail-is-masked].input[0]", fix="one line", server="should match"),
    bad("stage-in-capitals", f"{JOIN}.name", "Join", path="spec.stages[Join].name", fix="lower-case", server="lower-case"),
    bad("labels", "labels", {"a": "b"}, fix="", server=""),
    bad("metrics", "metrics", [], fix="", server=""),
    bad("delivery", "delivery", "AtMostOnce", fix="", server=""),
]  # fmt: skip
"""Those whose `server` is empty have a field that is not there, which the API server prunes, or a law that only the models know."""
