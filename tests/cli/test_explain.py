"""`binnacle explain`: what it says is what the compilers and the routing mean, and it is safe and pleasant to read."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.slo_cases import good_slo
from binnacle.api.registry import KINDS
from binnacle.check.explain.registry import EXPLANATIONS
from cli.running import Runner, write

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"

POLICY = """\
apiVersion: binnacle.dev/v1alpha1
kind: AlertPolicy
metadata: {name: payments, namespace: shop}
spec:
  rules:
  - name: HighErrorRate
    ratio: {errors: 'errors_total', total: 'requests_total', groupBy: [service], window: 10m}
    levels:
    - {name: page, severity: critical, above: 5%, for: 5m}
    - {name: warn, severity: warning, above: 1%}
    noData: {action: Alert, severity: info}
    runbook: {url: "https://runbooks.example/errors"}
  - {name: Asleep, enabled: false, expression: {promql: 'up == 0'}, severity: warning}
  - {name: Broken, expression: {promql: 'up =='}, severity: warning}
  receivers:
  - {name: team, webhook: {url: "http://hook.example/team"}}
  - {name: oncall, webhook: {url: "http://hook.example/oncall"}}
  routes:
  - {name: page, matchers: ['severity="critical"'], receivers: [oncall, team]}
  - {name: work, matchers: ['severity="warning"'], receivers: [team]}
  schedules:
  - {name: nights, timeZone: Europe/Berlin, weekdays: ["monday:friday"], times: [{startTime: "22:00", endTime: "06:00"}]}
  mute:
  - {name: quiet, matchers: ['severity="warning"'], during: [nights]}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def policy(**spec: Any) -> dict[str, Any]:
    """Return the policy above without what is wrong in it, its spec changed as given."""
    resource: dict[str, Any] = yaml.safe_load(POLICY)
    resource["spec"]["rules"].pop()
    resource["spec"].update(spec)
    return resource


def slo(name: str = "checkout", **spec: Any) -> dict[str, Any]:
    resource = good_slo(name)
    resource["metadata"]["namespace"] = "shop"
    resource["spec"].update(spec)
    return resource


def sections(run: Runner, path: Path, *picks: str) -> dict[str, dict[str, Any]]:
    """Explain one resource and return its sections by title."""
    (one,) = json.loads(run("explain", path, *picks, "--output", "json").out)
    return {section["title"]: section for section in one["sections"]}


def words(section: dict[str, Any]) -> str:
    return " ".join((*section["said"], *section["notes"]))


# -- what is said ----------------------------------------------------------------------------------------------------


def test_an_objective_is_told_as_what_may_fail(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, slo(objective="99.9%", window={"rolling": "30d"}))
    said = words(sections(run, path)["What checkout promises"])
    assert "1 in 1000" in said
    assert "A total outage of 43m 12s uses it up; spent evenly, it allows 1m 26s a day." in said


def test_alerts_of_an_slo_have_the_workbooks_numbers(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, slo(objective="99.9%", window={"rolling": "30d"}))
    table = sections(run, path)["When an alert fires"]["table"]
    fast = dict(zip(table["columns"], table["rows"][0], strict=True))
    assert fast["Bad above"] == "1.44%"
    assert (fast["Windows"], fast["Burn rate"], fast["Budget spent"]) == ("1h, 5m", "14.4x", "2%")


@pytest.mark.parametrize("window", ["1d", "7d", "30d", "90d"])
def test_every_recorded_series_has_a_meaning(run: Runner, tmp_path: Path, window: str) -> None:
    rows = sections(run, write(tmp_path, slo(window={"rolling": window})))["What is recorded"]["table"]["rows"]
    assert rows
    assert all(all(row) for row in rows)


def test_an_slo_that_names_a_policy_is_told_by_its_routes(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, slo(alerting={"route": {"alertPolicy": "payments"}}), policy())
    told = sections(run, path, "slo/checkout")["Who is told"]
    assert told["table"]["rows"] == [
        ["critical", "oncall; team", "shop/payments"],
        ["warning", "team, not during nights", "shop/payments"],
    ]
    assert told["notes"] == []


def test_an_slo_that_names_nobody_is_told_by_routes_of_the_whole_namespace_only(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, slo(alerting={}), policy())
    told = sections(run, path, "slo/checkout")["Who is told"]
    assert [row[1] for row in told["table"]["rows"]] == ["nobody", "nobody"]
    assert "administrator's own routes" in words(told)
    wide = {"name": "all", "receivers": ["team"], "appliesTo": "Namespace", "matchers": ['severity="critical"']}
    told = sections(run, write(tmp_path, slo(alerting={}), policy(routes=[wide])), "slo/checkout")["Who is told"]
    assert [row[1] for row in told["table"]["rows"]] == ["team", "nobody"]


@pytest.mark.parametrize("control", [{"suspend": True}, {"mode": "DryRun"}])
def test_a_policy_that_is_not_applied_tells_nobody(run: Runner, tmp_path: Path, control: dict[str, Any]) -> None:
    path = write(tmp_path, slo(alerting={"route": {"alertPolicy": "payments"}}), policy(**control))
    told = sections(run, path, "slo/checkout")["Who is told"]
    assert [row[1] for row in told["table"]["rows"]] == ["nobody", "nobody"]
    assert "payments is suspended or only tried" in words(told)


def test_routes_that_ask_for_labels_of_series_are_pointed_out(run: Runner, tmp_path: Path) -> None:
    route = {"name": "eu", "matchers": ['region="eu"'], "receivers": ["team"]}
    path = write(tmp_path, slo(alerting={"route": {"alertPolicy": "payments"}}), policy(routes=[route]))
    assert "look at region" in words(sections(run, path, "slo/checkout")["Who is told"])


def test_rules_are_told_by_level_with_who_hears_of_them(run: Runner, tmp_path: Path) -> None:
    found = sections(run, write(tmp_path, policy()))
    rule = found["Alert HighErrorRate"]
    assert "the share of errors_total in requests_total over 10m, for each service" in words(rule)
    assert rule["table"]["rows"] == [
        ["critical", "above 5%", "5m", "oncall; team"],
        ["warning", "above 1%", "at once", "team, not during nights"],
        ["info", "there is no data", "10m", "nobody"],
    ]
    assert "https://runbooks.example/errors" in words(rule)
    assert "switched off" in words(found["Alert Asleep"])
    silent = words(found["When nobody is told"])
    assert "nights (monday to friday 22:00 to 06:00 in Europe/Berlin)" in silent


def test_what_is_left_out_is_said_and_fails(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    ended = run("explain", path)
    assert ended.status == 1
    assert "It is left out: the findings say why." in ended.out
    assert "rules[Broken]" in ended.out


def test_the_quickstart_is_explained_whole_within_80_columns(run: Runner) -> None:
    ended = run("explain", QUICKSTART)
    assert ended.status == 0
    explained = ended.out.partition("\nFindings\n")[0]
    assert max(map(len, explained.splitlines())) <= 80
    for said in (
        "shop:orders:rate5m",
        "pods with app=checkout",
        "Requests by status",
        "https://runbooks.example/checkout",
        "oncall; payments",
        "payments, not during nights",
    ):
        assert said in ended.out


def test_the_slo_of_the_quickstart_wakes_somebody(run: Runner) -> None:
    (slo,) = json.loads(run("explain", QUICKSTART, "slo/checkout", "--output", "json").out)
    (told,) = [one for one in slo["sections"] if one["title"] == "Who is told"]
    assert [row[:2] for row in told["table"]["rows"]] == [
        ["critical", "oncall; payments"],
        ["warning", "payments, not during nights"],
    ]


# -- which resources -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pick", ["slo/a", "SLO/a", "slos/a", "slo/shop/a", "SLO/shop/a"])
def test_one_resource_is_picked_as_kubectl_names_it(run: Runner, tmp_path: Path, pick: str) -> None:
    path = write(tmp_path, slo("a"), slo("b"), policy())
    (one,) = json.loads(run("explain", path, pick, "--output", "json").out)
    assert (one["kind"], one["namespace"], one["name"]) == ("SLO", "shop", "a")


def test_wrong_usage(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, slo("a"))
    ended = run("explain", path, "slo/other")
    assert ended.status == 2
    assert "there is no SLO/other in what was given; there is SLO/shop/a" in ended.err
    unknown = run("explain", path, "slow/a")
    assert unknown.status == 2
    assert "slow/a: no such file or folder, and slow is none of the kinds alertpolicy, dashboard," in unknown.err
    assert run("explain", path, "slo/elsewhere/a").status == 2
    assert run("explain", "slo/a").status == 2
    assert run("explain", tmp_path / "missing").status == 2


def test_only_what_is_explained_decides_the_exit_status(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(POLICY + "---\n" + yaml.safe_dump(slo("a")))
    assert run("explain", path, "slo/a").status == 0
    assert run("explain", path, "ap/payments").status == 1


def test_what_does_not_compile_says_so(run: Runner, tmp_path: Path) -> None:
    bad = slo("a", indicator={"ratio": {"errors": "x{", "total": "y"}})
    ended = run("explain", write(tmp_path, bad), "--output", "json")
    assert ended.status == 1
    (one,) = json.loads(ended.out)
    assert one["sections"] == []
    assert "Nothing comes of it" in one["state"]
    assert "error" in {finding["severity"] for finding in one["findings"]}


def test_what_cannot_be_read_is_told_and_json_stays_json(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [\n---\n" + yaml.safe_dump(slo("a")))
    ended = run("explain", path, "--output", "json")
    assert ended.status == 1
    assert [one["name"] for one in json.loads(ended.out)] == ["a"]
    assert "broken.yaml" in ended.err


def test_suspended_and_tried_resources_are_explained_as_such(run: Runner, tmp_path: Path) -> None:
    assert "It is suspended" in run("explain", write(tmp_path, slo(suspend=True))).out
    assert "It is only tried" in run("explain", write(tmp_path, slo(mode="DryRun"))).out


def test_nothing_to_explain_is_no_explanation(run: Runner, tmp_path: Path) -> None:
    ended = run("explain", tmp_path)
    assert ended.status == 0
    assert ended.out.startswith("Nothing to explain: there is no resource of binnacle.dev in what was given.")
    assert "binnacle import" in ended.out


# -- safety ----------------------------------------------------------------------------------------------------------

HOSTILE = (
    "[bold red]x[/]",
    "\u202e reversed",
    "\u200bzero",
    "\x9b31m",
    "{{ $value }}",
    "%s %(x)s",
    "<b>&",
    "\u2028next",
)


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_strings_neither_steer_the_terminal_nor_break_json(run: Runner, tmp_path: Path, payload: str) -> None:
    expression = f"up{{job={json.dumps(payload, ensure_ascii=False)}}}"
    rule = {"name": "Odd", "expression": {"promql": expression}, "severity": "warning"}
    path = write(tmp_path, policy(rules=[rule]))
    ended = run("explain", path)
    assert all(char.isprintable() or char == "\n" for char in ended.out)
    if payload.isprintable():
        assert payload in " ".join(ended.out.split())
    (one,) = json.loads(run("explain", path, "--output", "json").out)
    assert one["name"] == "payments"


def test_every_kind_is_explained() -> None:
    assert EXPLANATIONS.keys() == KINDS.keys()


# -- pictures --------------------------------------------------------------------------------------------------------


def test_a_dashboard_is_drawn_into_the_file_that_is_named(run: Runner, tmp_path: Path) -> None:
    file = tmp_path / "checkout.svg"
    ended = run("explain", QUICKSTART, "dash/checkout", "--picture", file, "--output", "json")
    assert ended.status == 0
    assert [one["kind"] for one in json.loads(ended.out)] == ["Dashboard"]
    assert ended.err == f"{file}: written; the data in it is made up\n"
    assert file.read_text().startswith("<svg ")


def test_an_slo_is_told_where_it_is_shown_and_its_own_dashboard_is_drawn(run: Runner, tmp_path: Path) -> None:
    plain, own = slo(), slo()
    own["metadata"]["name"] = "own"
    own["spec"]["dashboard"] = {"folder": "shop SLOs"}
    path, file = write(tmp_path, plain, own), tmp_path / "own.svg"
    nowhere = run("explain", path, "slo/checkout").out
    assert "On no dashboard." in nowhere
    context = tmp_path / "context.yaml"
    context.write_text("grafana: {url: https://grafana.example}\n")
    said = " ".join(run("explain", path, "slo/checkout", "--context", context).out.split())
    assert "On the dashboard One SLO in the folder SLOs; its address is https://grafana.example/d/" in said
    assert "var-slo_namespace=shop&var-slo=checkout" in said.replace(" ", "")
    ended = run("explain", path, "slo/own", "--context", context, "--picture", file)
    assert "On the dashboard SLO own in the folder shop SLOs" in " ".join(ended.out.split())
    assert (ended.status, file.read_text().startswith("<svg ")) == (0, True)


def test_a_picture_needs_one_dashboard_that_compiles_and_a_name_for_an_svg(run: Runner, tmp_path: Path) -> None:
    row = {"name": "r", "title": "R", "panels": [{"name": "p", "type": "text", "content": "Hello"}]}
    boards = [
        {
            "apiVersion": "binnacle.dev/v1alpha1",
            "kind": "Dashboard",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"title": name, "rows": [row]},
        }
        for name in ("one", "two")
    ]
    path, file = write(tmp_path, *boards, slo()), tmp_path / "board.svg"
    assert "pick one of dashboard/shop/one, dashboard/shop/two" in run("explain", path, "--picture", file).err
    assert "there is none in what is explained" in run("explain", path, "slo/checkout", "--picture", file).err
    wrong = run("explain", path, "dash/one", "--picture", tmp_path / "board.png")
    assert (wrong.status, "ends in .svg" in wrong.err) == (2, True)
    missing = run("explain", path, "dash/one", "--picture", tmp_path / "none" / "board.svg")
    assert (missing.status, "cannot be written" in missing.err) == (2, True)
    row["panels"][0]["type"] = "no such type"
    broken = write(tmp_path / "broken", boards[0])
    assert run("explain", broken, "--picture", file).status == 1
    assert not file.exists()
