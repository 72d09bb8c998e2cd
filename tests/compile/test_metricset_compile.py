"""Compiling a MetricSet: what is left out and why, which addresses are refused, what a JSON expression matches."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.api.metricset import MetricSet
from binnacle.api.reasons import Reason
from binnacle.compile.metricset import address, body, compile_metricset
from binnacle.compile.world import Compiled, World
from binnacle.intent.probe import Probes
from binnacle.intent.rules import RuleSet
from binnacle.intent.scrape import Scraping

TARGET = {"selector": {"matchLabels": {"app": "checkout"}}, "port": "metrics"}
HOME = {"name": "home", "url": "https://shop.example/health"}
RATE = {"name": "rate", "record": "shop:x:rate5m", "promql": "rate(x[5m])"}


def compiled(config: dict[str, Any] | None = None, **spec: Any) -> Compiled:
    given = {"prometheus": {"output": "configMap"}, "probers": {"us": "us:9115", "eu": "eu:9115"}, **(config or {})}
    metadata = {"name": "web", "namespace": "shop"}
    model = MetricSet.model_validate(
        {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": spec}
    )
    return compile_metricset(model, World(Config.from_data(given), date(2026, 1, 1)))


def reasons(outcome: Compiled) -> list[tuple[Reason, str]]:
    return [(one.reason, one.path) for one in outcome.findings]


def names(outcome: Compiled) -> list[str]:
    found: list[str] = []
    for intent in outcome.intents:
        match intent:
            case Scraping(endpoints):
                found += [one.item for one in endpoints]
            case Probes(probes):
                found += [one.item for one in probes]
            case RuleSet((group,)):
                found += [one.record for one in group.rules if hasattr(one, "record")]
            case _:
                pytest.fail(f"unexpected {intent}")
    return found


@pytest.mark.parametrize(
    ("spec", "reason", "path"),
    [
        ({"scrape": [{"name": "bad", "interval": "5s", "timeout": "6s"}]}, Reason.INVALID_VALUE, "scrape[bad].timeout"),
        (
            {"probes": [{**HOME, "name": "bad", "interval": "5s", "timeout": "6s"}]},
            Reason.INVALID_VALUE,
            "probes[bad].timeout",
        ),
        (
            {"probes": [{**HOME, "name": "bad", "url": "http://127.0.0.1"}]},
            Reason.PROBE_TARGET_REFUSED,
            "probes[bad].url",
        ),
        (
            {"probes": [{**HOME, "name": "bad", "url": "http://a:99999"}]},
            Reason.PROBE_TARGET_REFUSED,
            "probes[bad].url",
        ),
        ({"probes": [{**HOME, "name": "bad", "regions": ["mars"]}]}, Reason.UNKNOWN_REFERENCE, "probes[bad].regions"),
        (
            {"probes": [{**HOME, "name": "bad", "expect": {"bodyMatches": "("}}]},
            Reason.INVALID_VALUE,
            "probes[bad].expect.bodyMatches",
        ),
        (
            {"probes": [{**HOME, "name": "bad", "method": "HEAD", "expect": {"bodyMatches": "x"}}]},
            Reason.INVALID_VALUE,
            "probes[bad].method",
        ),
        ({"recording": [{**RATE, "name": "bad", "promql": "rate(x["}]}, Reason.PROMQL_SYNTAX, "recording[bad].promql"),
        ({"recording": [{**RATE, "name": "bad", "promql": "x[5m]"}]}, Reason.INVALID_VALUE, "recording[bad].promql"),
        (
            {"recording": [{**RATE, "name": "bad", "promql": "limitk(2, x)"}]},
            Reason.NOT_SUPPORTED,
            "recording[bad].promql",
        ),
        (
            {"recording": [{**RATE, "name": "bad", "promql": "rate(x[$window])"}]},
            Reason.PROMQL_SYNTAX,
            "recording[bad].promql",
        ),
    ],
)
def test_a_bad_item_is_left_out_alone(spec: dict[str, Any], reason: Reason, path: str) -> None:
    good = {"scrape": [{"name": "api"}], "probes": [HOME], "recording": [RATE]}
    outcome = compiled(target=TARGET, **{name: [*items, *spec.get(name, [])] for name, items in good.items()})
    assert names(outcome) == ["api", "home", "shop:x:rate5m"]
    assert reasons(outcome) == [(reason, f"spec.{path}")]
    alone = compiled(target=TARGET, **spec)
    assert alone.intents == ()
    assert (reason, f"spec.{path}") in reasons(alone)


def test_a_set_that_only_declares_is_good_and_produces_nothing() -> None:
    outcome = compiled(metrics=[{"name": "x", "type": "gauge"}])
    assert outcome.intents
    assert names(outcome) == []
    assert outcome.facts == {"sources": 0, "declared": 1}
    assert outcome.findings == ()
    assert reasons(compiled(target=TARGET)) == [(Reason.NOTHING_SCRAPED, "spec.target")]


def test_a_probe_asks_from_everywhere_unless_it_says_where() -> None:
    def regions(**probe: Any) -> list[str]:
        (probes,) = [one for one in compiled(probes=[{**HOME, **probe}]).intents if isinstance(one, Probes)]
        return [region.name for region in probes.probes[0].regions]

    assert regions() == ["eu", "us"]
    assert regions(regions=["us"]) == ["us"]
    assert regions(regions=["us", "mars"]) == ["us"]
    nobody = compiled({"probers": {}}, probes=[HOME])
    assert reasons(nobody) == [(Reason.BACKEND_NOT_CONFIGURED, "spec.probes[home]")]


def test_basic_authentication_is_refused_where_it_cannot_be_written() -> None:
    auth = {"basic": {"username": "u", "password": {"secretRef": {"name": "s", "key": "k"}}}}
    scrape = [{"name": "api", "auth": auth}]
    assert compiled(target=TARGET, scrape=scrape).findings == ()
    outcome = compiled({"prometheus": {"output": "operator"}}, target=TARGET, scrape=scrape)
    assert reasons(outcome) == [(Reason.NOT_SUPPORTED, "spec.scrape[api].auth.basic")]


def test_an_old_prometheus_is_told() -> None:
    for version, told in (("2.42", 1), ("2.43", 0), ("3.5.0", 0)):
        outcome = compiled(
            {"prometheus": {"output": "configMap", "version": version}}, target=TARGET, scrape=[{"name": "api"}]
        )
        assert len(outcome.findings) == told
        assert all(one.severity is Severity.WARNING for one in outcome.findings)


def test_labels_of_sources_stay_as_scraping_sets_them() -> None:
    outcome = compiled(
        target=TARGET, scrape=[{"name": "api"}], labels={"namespace": "mail", "team": "a"}, environment="test"
    )
    assert reasons(outcome) == [(Reason.RESERVED_LABEL, "spec.labels.namespace")]
    (scraping,) = [one for one in outcome.intents if isinstance(one, Scraping)]
    assert scraping.endpoints[0].labels == (("environment", "test"), ("team", "a"))


def test_recorded_series_say_whose_they_are() -> None:
    (rules,) = [one for one in compiled(recording=[RATE], labels={"team": "a"}).intents if isinstance(one, RuleSet)]
    assert dict(rules.groups[0].rules[0].labels) == {
        "binnacle_kind": "MetricSet",
        "binnacle_namespace": "shop",
        "binnacle_name": "web",
        "team": "a",
    }


NEVER = [
    "http://127.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://0177.0.0.1",
    "http://localhost.",
    "http://a.localhost",
    "http://LOCALHOST:80",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::127.0.0.1]",
    "http://[::]",
    "http://0.0.0.0",
    "http://169.254.169.254/latest",
    "http://[fe80::1]",
    "http://[64:ff9b::7f00:1]",
    "http://[::ffff:169.254.169.254]",
    "http://metadata.google.internal",
    "http://kubernetes",
    "https://kubernetes.default.svc:443",
    "http://kubernetes.default.svc.cluster.local",
    "http://224.0.0.1",
    "http://255.255.255.255",
    "http://[2002:7f00:1::]",
    "http://a:0",
    "http://a:70000",
    "http://a..b",
    "http://1.2.3",
    "http://[::1",
]
PRIVATE = [
    "http://10.0.0.1",
    "http://172.16.3.4",
    "http://192.168.1.1:8080",
    "http://100.64.0.1",
    "http://[fd00::1]",
    "http://web",
    "http://web.shop.svc",
    "http://web.shop.svc.cluster.local",
    "http://printer.local",
    "http://a.internal",
    "http://[::ffff:10.0.0.1]",
    "http://[64:ff9b::a00:1]",
]
PUBLIC = [
    "https://shop.example",
    "https://8.8.8.8/x",
    "http://[2606:4700::1111]:80",
    "https://a-b.c_d.example:8443/p?q=1#f",
]


@pytest.mark.parametrize(("urls", "refused", "refused_when_allowed"), [(NEVER, 1, 1), (PRIVATE, 1, 0), (PUBLIC, 0, 0)])
def test_where_probes_may_look(urls: list[str], refused: int, refused_when_allowed: int) -> None:
    for private_allowed, expected in ((False, refused), (True, refused_when_allowed)):
        for url in urls:
            assert bool(address.problem(url, private_allowed=private_allowed)) == bool(expected), url


def test_private_addresses_are_the_administrators_to_allow() -> None:
    probes = [{**HOME, "url": "http://web.shop.svc"}]
    assert reasons(compiled(probes=probes)) == [(Reason.PROBE_TARGET_REFUSED, "spec.probes[home].url")]
    assert reasons(compiled({"allow": {"privateProbeTargets": True}}, probes=probes)) == []


@pytest.mark.parametrize(
    "pattern", ["(", "a**", "[", r"\C", "(?<n>a)", r"\p{Greek}", r"\pQ", "(?=a)", r"\1", "a{1001}", "(a{100}){100}"]
)
def test_expressions_that_some_prober_does_not_know_are_refused(pattern: str) -> None:
    assert body.problem(pattern)


@pytest.mark.parametrize("pattern", [r"\\C", "(?P<n>a)", r"\p{Lu}\PN", "(?is)a.b$", "ünïcode", "[[:alpha:]]"])
def test_expressions_that_all_know_are_taken(pattern: str) -> None:
    assert body.problem(pattern) is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(max_size=6)
    | st.sampled_from(['"', "}", "],", "a/b", "é", "😀"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c-d"]) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def places(value: Any, path: str = "$") -> dict[str, Any]:
    found: dict[str, Any] = {}
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        if isinstance(name, int):
            found |= places(inner, f"{path}[{name}]")
        elif name in ("a", "b", "c-d"):
            found |= places(inner, f"{path}.{name}")
    return {**found, path: value}


@given(value=json_values, compact=st.booleans(), ascii_only=st.booleans(), data=st.data())
def test_a_json_expression_matches_exactly_what_is_there(
    value: Any, compact: bool, ascii_only: bool, data: st.DataObject
) -> None:
    document = {"a": value, "b": [value, 7]}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=None if compact else 2)
    path, found = data.draw(st.sampled_from(sorted(places(document).items(), key=lambda item: item[0])[1:]))
    wanted = data.draw(st.sampled_from(["true", "7", "é", "a/b"]) | st.text(max_size=4))
    spelled = found if isinstance(found, str) else json.dumps(found)
    for candidate in (wanted, spelled):
        if isinstance(found, dict | list) or any(ord(one) < 32 for one in candidate):
            continue
        assert bool(re2.search(body.json_pattern(path, candidate), text)) == (candidate == spelled), (
            path,
            candidate,
            text,
        )
