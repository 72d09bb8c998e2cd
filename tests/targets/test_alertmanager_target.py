"""Alertmanager's file: taken apart and put together, hostile strings, versions, poisoned neighbours, same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.slo_cases import good_slo
from binnacle.api import receivers
from binnacle.compile.alertpolicy.receivers import _SINCE
from binnacle.control.onepass import Earlier, Pass, run, shares_of
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets import alertmanager_text, conventions
from binnacle.targets.alertmanager import Alertmanager
from binnacle.targets.base import AggregateKey, Owner, Share
from compile.building import compiled as slo_compiled
from compile.building import key_of, make_slo
from compile.policies import TODAY, alertmanager_file, compiled, config, make_policy, one_pass, policy_body
from servers.alertmanager import AlertmanagerLine
from targets.assembling import assemble

pytestmark = pytest.mark.thorough

TARGET = Alertmanager()
AGGREGATE = AggregateKey("alertmanager", "monitoring")
BASE = {
    "global": {"resolve_timeout": "7m", "smtp_smarthost": "mail:25", "smtp_from": "a@b.example"},
    "route": {"receiver": "ops", "group_by": ["job"], "routes": [{"receiver": "ops", "matchers": ['job="x"']}]},
    "receivers": [{"name": "ops"}],
    "inhibit_rules": [{"source_matchers": ['a="b"'], "target_matchers": ['a="c"'], "equal": ["d"]}],
    "time_intervals": [{"name": "base", "time_intervals": [{"weekdays": ["monday"]}]}],
}
HOOK = {"webhook": {"url": "http://127.0.0.1:1/x"}}
RICH = {
    "rules": [
        {
            "name": "X",
            "threshold": {"gauge": "g", "groupBy": ["node"]},
            "levels": [
                {"name": "a", "severity": "warning", "above": 1},
                {"name": "b", "severity": "info", "above": 0},
            ],
        }
    ],
    "receivers": [
        {"name": "a", **HOOK},
        {"name": "b", "email": {"to": "a@b.example", "smarthost": "m:25", "from": "x@y.example"}},
    ],
    "defaultReceivers": ["a", "b"],
    "routes": [{"name": "r", "matchers": ['severity="critical"'], "receivers": ["a", "blackhole"]}],
    "schedules": [{"name": "n", "timeZone": "UTC", "times": [{"startTime": "22:00", "endTime": "06:00"}]}],
    "mute": [{"name": "m", "during": ["n"]}],
    "inhibit": [{"name": "i", "source": ['a="b"'], "target": ['a="c"'], "equal": ["x"]}],
}

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}\x00"), min_size=1, max_size=40),
    st.text("'\"\\:#-[]|&*!%@`,? \n\r\t\x85\u2028\ufeff\U0001f600ayno~0", min_size=1, max_size=20),
    st.sampled_from(
        [
            "yes",
            "null",
            "~",
            "1e3",
            "- a",
            "a\n# AlertPolicy other/x\n- receiver: y",
            "receivers:\n- name: z",
            "# x",
            "---",
            "...",
            "a: b",
        ]
    ),
)
LINE = TEXT.map(lambda text: "".join(c for c in text if c >= " " and c != "\x7f")).filter(bool)
VALUES = TEXT.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"')


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, Any]:
    line = draw(LINE)
    return {
        "receivers": [
            {
                "name": "a",
                "slack": {
                    "apiUrl": {"secretRef": {"name": "s", "key": "k"}},
                    "channel": line,
                    "title": draw(TEXT),
                    "text": draw(TEXT),
                    "fields": [{"title": draw(LINE), "value": draw(TEXT)}],
                },
                "email": {"to": draw(LINE), "from": draw(LINE), "smarthost": "m:25", "headers": [{"key": "Subject", "value": draw(TEXT)}]},
                "pagerduty": {"routingKey": {"secretRef": {"name": "s", "key": "k"}}, "details": [{"key": "a b", "value": draw(TEXT)}]},
                "webhook": {"url": "http://x/", "httpConfig": {"basicAuth": {"username": draw(LINE), "password": {"secretRef": {"name": "s", "key": "k"}}}}},
                "sns": {"topicArn": "arn:aws:sns:a:1:b", "sigv4": {"region": "a"}, "message": draw(TEXT)},
            }
        ],
        "routes": [{"name": "r", "matchers": [f"a={draw(VALUES)}"], "receivers": ["a"]}],
        "inhibit": [{"name": "i", "source": [f"a={draw(VALUES)}"], "target": ['a!="b"'], "equal": ["c"]}],
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(hostile(), min_size=1, max_size=3), st.booleans())
def test_what_is_assembled_is_taken_apart_again(specs: list[dict[str, Any]], with_base: bool) -> None:
    chosen = config(alertmanager={"base": BASE} if with_base else {})
    shares = {}
    for number, spec in enumerate(specs):
        policy = make_policy(f"p{number}", **spec)
        owner = Owner(Key("AlertPolicy", "shop", f"p{number}"))
        (share,) = TARGET.render(compiled(policy, chosen).intents, owner, chosen)
        shares[owner.key] = share.fragment
    # An SLO of the same name adds to the same sections.
    slo = make_slo("p0", dependsOn=[{"name": "db", "inhibit": True}])
    (share,) = [
        one for one in TARGET.render(slo_compiled(slo).intents, Owner(key_of(slo)), chosen) if isinstance(one, Share)
    ]
    shares[key_of(slo)] = share.fragment
    (output,), placed = assemble(TARGET, AGGREGATE, shares, {}, chosen)
    assert TARGET.split(output.body) == shares
    assert placed == dict.fromkeys(shares, 0)


@settings(max_examples=60, deadline=None)
@given(hostile())
def test_no_string_of_a_user_makes_an_element_that_was_not_meant(spec: dict[str, Any]) -> None:
    document = yaml.load(alertmanager_file([policy_body(**spec)]), yaml.CSafeLoader)
    assert list(document) == ["route", "inhibit_rules", "receivers"]
    first, version, last = (one["name"] for one in document["receivers"])
    assert (first, last) == ("shop/payments/a", "blackhole")
    assert version.startswith("shop/payments/alertpolicy/version-")
    receiver, given_ = document["receivers"][0], spec["receivers"][0]
    assert receiver["slack_configs"] == [
        {
            "api_url_file": "/etc/binnacle/secrets/shop/s/k",
            "channel": given_["slack"]["channel"],
            "title": given_["slack"]["title"],
            "text": given_["slack"]["text"],
            "fields": given_["slack"]["fields"],
        }
    ]
    assert receiver["email_configs"][0]["headers"] == {"Subject": given_["email"]["headers"][0]["value"]}
    assert receiver["pagerduty_configs"][0]["details"] == {"a b": given_["pagerduty"]["details"][0]["value"]}
    assert receiver["webhook_configs"][0]["http_config"]["basic_auth"] == {
        "username": given_["webhook"]["httpConfig"]["basicAuth"]["username"],
        "password_file": "/etc/binnacle/secrets/shop/s/k",
    }
    assert receiver["sns_configs"][0]["message"] == given_["sns"]["message"]
    (route,) = document["route"]["routes"]
    assert sorted(route) == ["continue", "matchers", "receiver"]
    assert len(route["matchers"]) == 3
    assert len(document["inhibit_rules"]) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile())
def test_alertmanager_takes_every_string(
    alertmanager_line: AlertmanagerLine, tmp_path: Path, spec: dict[str, Any]
) -> None:
    chosen = config(alertmanager={"version": alertmanager_line.name, "base": BASE})
    assert alertmanager_line.refusal(alertmanager_file([policy_body(**spec)], chosen), tmp_path) == ""


@pytest.mark.parametrize("base", [{}, BASE], ids=["alone", "with a base"])
def test_alertmanager_takes_everything_together(
    alertmanager_line: AlertmanagerLine, tmp_path: Path, base: dict[str, Any]
) -> None:
    chosen = config(alertmanager={"version": alertmanager_line.name, "base": base}, platformNamespaces=["platform"])
    bodies = [policy_body(**RICH), policy_body("other", **RICH), policy_body("payments", "platform", **RICH)]
    # An SLO of a policy's name, in a ring and beside one.
    slos = [good_slo("payments"), good_slo("db"), good_slo("web")]
    for slo, other in zip(slos, ("db", "payments", "db"), strict=True):
        slo["spec"]["dependsOn"] = [{"name": other, "inhibit": True}]
    text = alertmanager_file([*bodies, *slos], chosen)
    assert "# SLO shop/web\n" in text
    assert "# SLO shop/payments\n" not in text
    assert alertmanager_line.refusal(text, tmp_path) == ""
    document = yaml.safe_load(text)
    named = [one.get("name") for one in document["inhibit_rules"] if "name" in one]
    assert bool(named) == (alertmanager_line.name == "0.31")
    assert set(base) <= set(document)


SECRET = {"secretRef": {"name": "s", "key": "k"}}
KEYS = {"slack": {"api_url": SECRET}, "email": {"to": "a@b.c"}, "pagerduty": {"routing_key": SECRET}, "webhook": {"url": "http://x/"}, "sns": {"topic_arn": "arn:aws:sns:a:1:b"}}  # fmt: skip
TLS = {"ca": SECRET, "cert": SECRET, "key": SECRET, "serverName": "x", "insecureSkipVerify": False}
FIELDS: dict[str, dict[str, Any]] = {
    "slack": {
        "app_token": SECRET, "app_url": "https://slack.example", "channel": "#a", "username": "a", "color": "good", "title": "a", "title_link": "a",
        "pretext": "a", "text": "a", "fields": [{"title": "a", "value": "b", "short": True}], "short_fields": True, "footer": "a",
        "fallback": "a", "callback_id": "a", "icon_emoji": "a", "icon_url": "http://a", "image_url": "http://a", "thumb_url": "http://a", "link_names": True,
        "mrkdwn_in": ["text"], "actions": [{"type": "button", "text": "a", "url": "http://a", "style": "danger"}], "timeout": "5s", "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials": SECRET}, "tlsConfig": TLS, "proxyUrl": "http://p", "followRedirects": False},
    },
    "email": {
        "from": "a@b.c", "hello": "a", "smarthost": "m:25", "auth_username": "a", "auth_password": SECRET, "auth_secret": SECRET, "auth_identity": "a",
        "headers": [{"key": "Subject", "value": "a"}], "html": "a", "text": "a", "require_tls": False, "tls_config": TLS, "send_resolved": False,
    },
    "pagerduty": {
        "service_key": SECRET, "url": "http://a", "client": "a", "client_url": "a", "description": "a", "details": [{"key": "a", "value": "b"}],
        "images": [{"src": "a", "alt": "b", "href": "c"}], "links": [{"href": "a", "text": "b"}], "source": "a", "severity": "a", "class": "a", "component": "a", "group": "a",
        "timeout": "5s", "http_config": {"basicAuth": {"username": "a", "password": SECRET}}, "send_resolved": True,
    },
    "webhook": {"url_secret": SECRET, "max_alerts": 5, "timeout": "5s", "http_config": {}, "send_resolved": True},
    "sns": {
        "api_url": "http://a", "sigv4": {"region": "a", "profile": "b", "roleArn": "arn:aws:iam::1:role/x"}, "phone_number": "+49123", "target_arn": "arn:aws:sns:a:1:c",
        "subject": "a", "message": "a", "attributes": [{"key": "a", "value": "b"}], "http_config": {}, "send_resolved": True,
    },
}  # fmt: skip
EXCLUDE = {"app_token": "api_url", "service_key": "routing_key", "url_secret": "url", "phone_number": "topic_arn", "target_arn": "topic_arn"}  # fmt: skip


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def setting(kind: str, field: str) -> dict[str, Any]:
    values = {**KEYS[kind], field: FIELDS[kind][field]}
    values.pop(EXCLUDE.get(field, ""), None)
    return {camel(name): value for name, value in values.items()}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in FIELDS.items() for field in fields])
def test_what_a_version_does_not_know_is_refused_here_and_the_rest_is_taken(
    kind: str, field: str, alertmanager_line: AlertmanagerLine, tmp_path: Path
) -> None:
    line = tuple(int(part) for part in alertmanager_line.name.split("."))
    chosen = config(alertmanager={"version": alertmanager_line.name, "base": BASE})
    spec = {"receivers": [{"name": "a", kind: setting(kind, field)}, {"name": "b", **HOOK}], "defaultReceivers": ["b"]}
    text = alertmanager_file([policy_body(**spec)], chosen)
    assert alertmanager_line.refusal(text, tmp_path) == ""
    findings = one_pass([policy_body(**spec)], chosen).desired[Key("AlertPolicy", "shop", "payments")].findings
    if (since := _SINCE.get(f"{kind}.{field}")) is not None and line < since:
        (finding,) = findings
        assert (finding.reason, finding.path) == ("NotSupported", f"spec.receivers[a].{kind}.{camel(field)}")
        assert "- name: shop/payments/a\n" not in text
        newest = alertmanager_file([policy_body(**spec)], config(alertmanager={"version": "0.31", "base": BASE}))
        assert alertmanager_line.refusal(newest, tmp_path) != "", "refused without need"
    else:
        assert findings == ()
        assert "- name: shop/payments/a\n" in text


def test_every_setting_is_tried() -> None:
    for kind in receivers.INTEGRATIONS:
        model = getattr(receivers, kind.capitalize())
        fields = {name.removesuffix("_") for name in model.model_fields}
        assert fields == {*FIELDS[kind], *KEYS[kind]}, kind


def bad_policies() -> list[dict[str, Any]]:
    good = {"receivers": [{"name": "a", **HOOK}], "defaultReceivers": ["a"]}
    return [
        {**good, "routes": [{"name": "r", "receivers": ["nobody"]}]},
        {**good, "routes": [{"name": "r", "matchers": ['a=~"("'], "receivers": ["a"]}]},
        {**good, "mute": [{"name": "m", "during": ["never"]}]},
        {"receivers": [{"name": "a", "slack": {"channel": "#x"}}], "defaultReceivers": ["a"]},
        {"receivers": [{"name": "a", "email": {"to": "x@y"}}], "defaultReceivers": ["a"]},
        {"receivers": [{"name": "a", "webhook": {"urlSecret": SECRET}}], "defaultReceivers": ["a"]},
        {"receivers": [{"name": "a", "slack": {"apiUrl": SECRET, "title": "{{ nope }}"}}], "defaultReceivers": ["a"]},
        {**good, "inhibit": [{"name": "i", "source": ['a=~"["'], "target": ['a="b"']}]},
        {**good, "inhibit": [{"name": "i", "source": ['a="b"'], "target": ['a=~"a{2000}"']}]},
        {**good, "defaultReceivers": ["a", "b"]},
        {**good, "unknown": 1},
        {**good, "rules": [{"name": "X", "expression": {"promql": "sum("}, "severity": "info"}]},
    ]


@pytest.mark.parametrize("number", range(len(bad_policies())))
def test_a_poisoned_policy_among_a_hundred_changes_no_byte_of_the_others(
    number: int, alertmanager_line: AlertmanagerLine, tmp_path: Path
) -> None:
    good = [policy_body(f"p{index:03d}", **RICH) for index in range(100)]
    poisoned = policy_body("p050-poisoned", **bad_policies()[number])
    without = {one.path: one.text for one in one_pass(good).files}
    outcome = one_pass([*good, poisoned])
    found = outcome.desired[Key("AlertPolicy", "shop", "p050-poisoned")]
    assert any(finding.severity == "error" for finding in found.findings)
    together = {one.path: one.text for one in outcome.files}
    text = together.pop("alertmanager/alertmanager.yaml")
    parts = alertmanager_text.split(text)
    parts.pop(Key("AlertPolicy", "shop", "p050-poisoned"), None)
    assert parts == alertmanager_text.split(without.pop("alertmanager/alertmanager.yaml"))
    together.pop("prometheus/rules/alertpolicy.shop.p050-poisoned.yaml", None)
    assert together == without
    assert alertmanager_line.refusal(text, tmp_path) == ""


LEFT_OUT_WHOLE = {3, 4, 5, 10}
"""Of the bad policies those of which nothing new can be served: no item is good, or the spec cannot be read."""


def shares_by_owner(outcome: Pass) -> dict[Key, dict[AggregateKey, str]]:
    """What everybody has in the files that are shared, as the objects have it."""
    found: dict[Key, dict[AggregateKey, str]] = {}
    for share in shares_of(shipped(config()), [one.body for one in outcome.objects]):
        found.setdefault(share.owner, {})[share.aggregate] = share.fragment
    return found


@pytest.mark.parametrize("number", range(len(bad_policies())))
def test_a_policy_that_is_poisoned_later_keeps_its_last_good_share(number: int) -> None:
    poisoned = Key("AlertPolicy", "shop", "p050")
    bodies = {f"p{index:03d}": policy_body(f"p{index:03d}", **RICH) for index in range(100)}
    tools = shipped(config())
    before = run(tools, list(bodies.values()), TODAY)
    bodies[poisoned.name] = policy_body(poisoned.name, **bad_policies()[number])
    after = run(tools, list(bodies.values()), TODAY, earlier=Earlier([one.body for one in before.objects]))
    was, is_now = shares_by_owner(before), shares_by_owner(after)
    mine = is_now.pop(poisoned)
    served = was.pop(poisoned)
    assert is_now == was
    found = after.desired[poisoned]
    assert any(finding.severity == "error" for finding in found.findings)
    if number in LEFT_OUT_WHOLE:
        assert mine == served, "the last good version is served whole"
    else:
        # What is wrong is left out, and what is good of the new version is served.
        assert mine == {share.aggregate: share.fragment for share in found.shares}


def version_of(**spec: Any) -> str:
    """The one mark of a policy that is of its version."""
    (wants,) = one_pass([policy_body(**spec)]).desired.values()
    marks = [mark.name for mark in wants.marks if mark.backend == "alertmanager"]
    (version,) = (mark for mark in marks if conventions.is_routing_version(mark))
    assert version.startswith("receivers/shop/payments/alertpolicy/version-")
    return version


EDITS: dict[str, Any] = {
    "the address of a receiver": {"receivers": [{"name": "a", "webhook": {"url": "http://127.0.0.1:1/y"}}, RICH["receivers"][1]]},
    "one more route": {"routes": [*RICH["routes"], {"name": "s", "matchers": ['team="x"'], "receivers": ["b"]}]},
    "what an inhibition is equal in": {"inhibit": [{**RICH["inhibit"][0], "equal": ["y"]}]},
    "when a time begins": {"schedules": [{"name": "n", "timeZone": "UTC", "times": [{"startTime": "21:00", "endTime": "06:00"}]}]},
    "how alerts are grouped": {"grouping": {"groupBy": ["alertname"]}},
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_changes_no_name_makes_another_version(edit: str) -> None:
    assert version_of(**RICH) == version_of(**RICH)
    assert version_of(**RICH) != version_of(**{**RICH, **EDITS[edit]})


def test_nobody_can_take_the_name_of_a_version() -> None:
    document = yaml.safe_load(alertmanager_file([policy_body(**RICH)]))
    (version,) = (one["name"] for one in document["receivers"] if "/version-" in one["name"])
    # A receiver is called <namespace>/<name>/<item>, and an item is a DNS label.
    assert version.count("/") == 3
    routed = [one.get("receiver") for one in document["route"]["routes"]]
    assert version not in routed


def test_what_does_not_fit_is_left_out_and_what_is_in_stays() -> None:
    share = alertmanager_text.fragment({"receivers": [{"name": "x" * 250_000}]})
    keys = [Key("AlertPolicy", "shop", name) for name in "abcd"]
    chosen = config()
    (_,), placed = assemble(TARGET, AGGREGATE, {keys[1]: share, keys[2]: share}, {}, chosen)
    assert set(placed) == {keys[1], keys[2]}
    (output,), placed = assemble(
        TARGET, AGGREGATE, dict.fromkeys([keys[1], keys[2], keys[0], keys[3]], share), placed, chosen
    )
    assert set(placed) == {keys[1], keys[2]}
    assert TARGET.split(output.body) == {keys[1]: share, keys[2]: share}


def test_an_empty_aggregate_keeps_the_base() -> None:
    (output,), _ = assemble(TARGET, AGGREGATE, {}, {}, config(alertmanager={"base": BASE}))
    assert yaml.safe_load(output.body["data"]["alertmanager.yaml"]) == BASE
    (output,), _ = assemble(TARGET, AGGREGATE, {}, {}, config())
    assert yaml.safe_load(output.body["data"]["alertmanager.yaml"])["route"] == {"receiver": "blackhole"}


def test_the_same_spec_gives_the_same_bytes_under_any_hash_seed() -> None:
    program = "from compile.policies import *; from targets.test_alertmanager_target import RICH; print(alertmanager_file([policy_body(**RICH)]), rule_text(make_policy(**RICH)))"
    told = set()
    for seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        told.add(
            subprocess.run(
                [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
    assert len(told) == 1
