"""Bad input among a hundred good SLOs: refused with the field and the fix, and nobody else notices.

Each test runs with both ways to write rules: a PrometheusRule for each SLO, and a ConfigMap that all of them share.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from cluster.bad_input import (
    AGGREGATE,
    AT_ADMISSION,
    AT_COMPILATION,
    BURN,
    MONITORING,
    Arena,
    Object,
    Stalled,
    changed,
    condition,
    hostile,
    structure,
)
from compile.large import OUTCOMES, large
from servers.audit import WriteCounter
from servers.controlplane import ControlPlane
from servers.errors import ServerMissingError
from servers.fixtures import STAND_INS
from servers.operator import OperatorProcess, sweep
from servers.prometheus import LINES, PrometheusLine
from servers.skips import unavailable
from servers.waiting import PATIENCE, eventually

NEIGHBOURS = 100
VICTIM = "neighbour-50"


@pytest.fixture(scope="class", params=["operator", "configMap"])
def arena(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    crds_applied: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Arena]:
    output = request.param
    sweep(control_plane)
    stand_ins = sorted(STAND_INS.glob("monitoring.coreos.com_*.yaml")) if output == "operator" else []
    installed = control_plane.install_crds(*stand_ins) if stand_ins else ()
    namespace = f"bad-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", namespace)
    config = {"prometheus": {"output": output}}
    with OperatorProcess(control_plane, tmp_path_factory.mktemp("bad-input"), config) as operator:
        arena = Arena(control_plane, operator, WriteCounter(control_plane.audit_log), namespace, output)
        arena.counter.prove(control_plane)
        arena.apply(*(good_slo(f"neighbour-{number}", namespace) for number in range(NEIGHBOURS)))
        arena.all_settled()
        assert len(arena.served()) == NEIGHBOURS
        # The last statuses may still be on their way.
        arena.writes(arena.counter.mark())
        yield arena
        control_plane.kubectl("delete", "namespace", namespace, "--wait=false")
        eventually(lambda: not arena.served(), every=0.5, what="the rules of deleted SLOs going away")
    if installed:
        control_plane.remove_crds(*installed)


class TestAmongNeighbours:
    def test_what_the_api_server_refuses_is_told_in_words_and_nothing_is_written(self, arena: Arena) -> None:
        before, mark = arena.state(), arena.counter.mark()
        for case in AT_ADMISSION:
            said = arena.try_apply(changed(case.changes, VICTIM, arena.namespace))
            assert case.field in said, case.name
            assert case.says in said, case.name
        assert arena.writes(mark) == []
        assert arena.state() == before

    def test_what_the_compiler_refuses_is_told_in_status_and_the_last_good_version_stays(self, arena: Arena) -> None:
        before, mark = arena.state(), arena.counter.mark()
        victims = {f"neighbour-{number}": case for number, case in enumerate(AT_COMPILATION)}
        arena.apply(*(changed(case.changes, name, arena.namespace) for name, case in victims.items()))
        slos = arena.all_settled()
        for name, case in victims.items():
            self.check_stalled(slos[name]["status"], case)
        # One write for each of them, its status; nothing else has another version, and Prometheus is given the same.
        assert sorted(arena.writes(mark)) == sorted(f"patch slos/status {name}" for name in victims)
        after = arena.state()
        assert after.changed_since(before) == {("SLO", name) for name in victims}
        assert after.served == before.served
        self.repair(arena, *victims)
        assert arena.served() == before.served

    @staticmethod
    def check_stalled(status: Object, case: Stalled) -> None:
        found, ready = condition(status, "Stalled"), condition(status, "Ready")
        assert found is not None, case.name
        assert ready is not None, case.name
        assert (found["status"], found["reason"]) == ("True", case.reason), case.name
        assert (ready["status"], ready["reason"]) == ("False", case.reason), case.name
        assert "The last good version stays in place." in found["message"], case.name
        finding = status["findings"][0]
        assert (finding["severity"], finding["reason"], finding["path"]) == ("error", case.reason, case.path), case.name
        assert case.says in finding["message"], case.name
        assert case.fix in finding.get("fix", ""), case.name
        if case.column is not None:
            assert f"(column {case.column})" in finding["message"], case.name
        assert status["children"], case.name

    @staticmethod
    def repair(arena: Arena, *names: str) -> None:
        arena.apply(*(good_slo(name, arena.namespace) for name in names))
        slos = arena.all_settled()
        for name in names:
            assert ready(slos[name]["status"])
            assert condition(slos[name]["status"], "Stalled") is None

    def test_one_poisoned_among_a_hundred_is_alone(self, arena: Arena) -> None:
        before, mark = arena.state(), arena.counter.mark()
        assert len(before.served) == NEIGHBOURS
        arena.apply(changed((put("spec.indicator.ratio.errors", 'x"} or vector(1) #'),), VICTIM, arena.namespace))
        assert condition(arena.status(VICTIM), "Stalled") is not None
        assert arena.writes(mark) == [f"patch slos/status {VICTIM}"]
        after = arena.state()
        assert after.changed_since(before) == {("SLO", VICTIM)}
        assert after.served == before.served
        self.repair(arena, VICTIM)

    def test_a_new_one_that_is_bad_makes_nothing(self, arena: Arena) -> None:
        before, mark = arena.state(), arena.counter.mark()
        arena.apply(changed((put("spec.indicator.ratio.errors", "x{"),), "newcomer", arena.namespace))
        status = arena.status("newcomer")
        assert condition(status, "Stalled")["reason"] == "PromQLSyntax"
        assert "children" not in status
        assert arena.writes(mark) == ["patch slos/status newcomer"]
        arena.cluster.kubectl("delete", "slo", "newcomer", "-n", arena.namespace)
        assert arena.state() == before

    def test_all_mistakes_are_told_at_once(self, arena: Arena) -> None:
        arena.apply(
            changed(
                (
                    put("spec.indicator.ratio", {"errors": "a{", "total": "sum(b)"}),
                    put(f"{BURN}.0.short", "7m"),
                ),
                VICTIM,
                arena.namespace,
            )
        )
        status = arena.status(VICTIM)
        assert {one["path"] for one in status["findings"]} == {
            "spec.indicator.ratio.errors",
            "spec.indicator.ratio.total",
            f"{BURN}[fast].short",
        }
        assert status["findingsTotal"] == 3
        self.repair(arena, VICTIM)

    def test_a_burn_rate_that_cannot_be_is_left_out_and_the_rest_is_applied(self, arena: Arena) -> None:
        before, mark = arena.state(), arena.counter.mark()
        pair = good_slo()["spec"]["alerting"]["burnRates"][0]
        rates = [pair, pair | {"name": "odd", "severity": "warning", "short": "7m"}]
        arena.apply(changed((put(BURN, rates),), VICTIM, arena.namespace))
        status = arena.status(VICTIM)
        assert ready(status)
        accepted = condition(status, "Accepted")
        assert accepted is not None
        assert (accepted["status"], accepted["reason"]) == ("False", "ItemsQuarantined")
        [finding] = [one for one in status["findings"] if one["severity"] == "error"]
        assert (finding["path"], finding["fix"]) == (f"{BURN}[odd].short", "Write 5m.")
        assert [one["name"] for one in status["alerts"]] == ["fast"]
        # The good pair is the only one that there was before: the rules are the same, byte for byte.
        assert arena.writes(mark) == [f"patch slos/status {VICTIM}"]
        after = arena.state()
        assert after.changed_since(before) == {("SLO", VICTIM)}
        assert after.served == before.served
        self.repair(arena, VICTIM)

    def test_a_hundred_items_left_out_at_once(self, arena: Arena) -> None:
        served = arena.served()
        rates = [
            {"name": f"odd-{number}", "severity": "warning", "budget": "1%", "long": "1h", "short": f"{number}m"}
            for number in (6, 7, 8, 9, 11, 12, 13, 14)
        ]
        names = [f"crowded-{number}" for number in range(13)]
        arena.apply(*(changed((put(BURN, rates),), name, arena.namespace) for name in names))
        slos = arena.all_settled()
        errors = [one for name in names for one in slos[name]["status"]["findings"] if one["severity"] == "error"]
        assert len(errors) == 8 * 13
        assert len({one["path"] for one in errors}) == 8
        for name in names:
            assert condition(slos[name]["status"], "Accepted")["reason"] == "ItemsQuarantined"
            assert condition(slos[name]["status"], "Ready")["message"].endswith("8 items left out, see findings.")
        arena.cluster.kubectl("delete", "slo", *names, "-n", arena.namespace)
        eventually(lambda: arena.served() == served, what="the others as they were")

    def test_the_last_good_version_outlives_the_operator(self, arena: Arena) -> None:
        served = arena.served()
        arena.apply(changed((put("spec.indicator.ratio.total", "sum("),), VICTIM, arena.namespace))
        assert condition(arena.status(VICTIM), "Stalled")["reason"] == "PromQLSyntax"
        before = arena.state()
        arena.operator.stop()
        mark = arena.counter.mark()
        arena.operator.start()
        assert arena.writes(mark) == []
        assert arena.state() == before
        # A neighbour's edit rewrites what they share: the victim's part is still the last good one.
        edited = changed((put("spec.objective", "99%"),), "neighbour-1", arena.namespace)
        arena.apply(edited)
        arena.status("neighbour-1")
        after = arena.served()
        assert {name for name in served if after[name] != served[name]} == {"neighbour-1"}
        arena.apply(good_slo("neighbour-1", arena.namespace))
        self.repair(arena, VICTIM)
        eventually(lambda: arena.served() == served, what="everything as it was")

    def test_a_spec_as_large_as_its_bounds_allow(self, arena: Arena) -> None:
        before = arena.state()
        arena.apply(huge("huge", arena.namespace, "x"), server_side=True)
        status = arena.status("huge")
        assert ready(status), status
        large = arena.served()["huge"]
        assert len(large) > 300_000
        # The same in characters of four bytes is more than one object holds: refused, and the last good version stays.
        arena.apply(huge("huge", arena.namespace, "\U0001f4a9"), server_side=True)
        status = arena.status("huge")
        found = condition(status, "Stalled")
        assert found is not None
        assert found["reason"] == "OutputTooLarge"
        assert status["findings"][0]["fix"]
        after = arena.state()
        assert after.served == {**before.served, "huge": large}
        assert after.changed_since(before) <= {("ConfigMap", AGGREGATE)}
        arena.cluster.kubectl("delete", "slo", "huge", "-n", arena.namespace)
        eventually(lambda: arena.served() == before.served, what="the others as they were")

    def test_resources_as_large_as_kubernetes_allows(self, arena: Arena) -> None:
        before, process = arena.state(), arena.operator.process.pid
        for kind in OUTCOMES:
            arena.apply(large(kind, arena.namespace, "large"), server_side=True)
        arena.apply(changed((put("spec.objective", "99.5%"),), "neighbour-1", arena.namespace))
        arena.status("neighbour-1")
        for kind, reason in OUTCOMES.items():
            status = arena.status("large", kind=kind)
            stalled = condition(status, "Stalled")
            assert (stalled["reason"] if stalled is not None else None) == reason, (kind, status)
            assert ready(status) == (reason is None)
        served = arena.served()
        other = {name for name in served if served[name] != before.served.get(name)}
        assert {name for name in other if "large" not in name} == {"neighbour-1"}
        assert arena.operator.process.pid == process
        assert arena.operator.process.running
        for kind in OUTCOMES:
            arena.cluster.kubectl("delete", kind, "large", "-n", arena.namespace)
        arena.apply(good_slo("neighbour-1", arena.namespace))
        eventually(lambda: arena.served() == before.served, what="the others as they were")

    def test_hostile_strings_change_no_rule_but_their_own_text(self, arena: Arena, tmp_path: Path) -> None:
        arena.rest()
        before = arena.state()
        slos = hostile(arena.namespace)
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(slos.values())})
        arena.cluster.kubectl("create", "-f", "-", input=document, check=False, timeout=PATIENCE)
        statuses = {name: one["status"] for name, one in arena.all_settled().items() if name in slos}
        assert len(statuses) > 200
        good = {name for name, status in statuses.items() if condition(status, "Stalled") is None}
        assert len(good) > 120
        after = arena.state()
        assert after.changed_since(before) <= {("ConfigMap", AGGREGATE)}
        assert set(after.served) == set(before.served) | good
        assert {name: after.served[name] for name in before.served} == before.served
        for name in statuses.keys() - good:
            assert "findings" in statuses[name], (name, condition(statuses[name], "Stalled"))
            finding = statuses[name]["findings"][0]
            assert finding["severity"] == "error", (name, finding)
            assert finding["reason"] in {"PromQLSyntax", "NotASelector", "InvalidValue"}, (name, finding)
        self.check_rules({name: after.served[name] for name in good}, slos, tmp_path)

    def check_rules(self, served: dict[str, str], slos: dict[str, Object], folder: Path) -> None:
        """Prometheus reads exactly the rules that were meant: no more, no fewer, none changed."""
        ratio, latency = (structure(compiled(slo)) for slo in (good_slo(), changed((BY_LATENCY,), "x", "x")))
        for name, text in served.items():
            groups = yaml.safe_load(text)["groups"]
            spec = slos[name]["spec"]
            users = frozenset(spec.get("annotations", {})) - OUR_ANNOTATIONS
            if spec["groupBy"] == good_slo()["spec"]["groupBy"]:
                assert structure(groups, users) == (latency if "latency" in spec["indicator"] else ratio), name
            alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
            assert [rule["alert"] for rule in alerts] == ["SLOErrorBudgetBurn"], name
            assert spec.get("labels", {}).items() <= alerts[0]["labels"].items(), name
            for key in users:
                value = spec["annotations"][key]
                assert "{" in value or alerts[0]["annotations"][key] == value, name
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        files = sorted(path.name for path in folder.glob("*.yaml"))
        for line in LINES:
            try:
                promtool = PrometheusLine.find(line).promtool
            except ServerMissingError as error:
                unavailable(str(error))
            said = promtool("check", "rules", *files, cwd=folder, check=False)
            assert said.returncode == 0, said.stderr[-3000:]


BY_LATENCY = put("spec.indicator", {"latency": {"histogram": "h_seconds", "below": "300ms"}})
OUR_ANNOTATIONS = frozenset({"budget_remaining", "burning", "description", "owner", "runbook_url", "summary"})


def ready(status: Object) -> bool:
    found = condition(status, "Ready")
    return found is not None and found["status"] == "True"


def compiled(slo: Object) -> list[Object]:
    """The groups of rules that an SLO means."""
    [file] = run(shipped(Config.from_data({})), [slo], date(2026, 11, 21), files=True).files
    groups: list[Object] = yaml.safe_load(file.text)["groups"]
    return groups


def huge(name: str, namespace: str, character: str) -> Object:
    """An SLO in which every text is as long as it may be."""
    slo = good_slo(name, namespace)
    spec = slo["spec"]
    spec["labels"] = {f"label_{number:02}": character * 1024 for number in range(32)}
    spec["annotations"] = {f"annotation_{number:02}": character * 4096 for number in range(32)}
    spec["description"] = character * 1024
    spec["owner"] = character * 128
    spec["groupBy"] = [f"group_{number}" for number in range(8)]
    spec["indicator"]["ratio"] = {
        "errors": 'http_requests_total{code=~"5..",path="' + "x" * 4000 + '"}',
        "total": 'http_requests_total{path="' + "x" * 4000 + '"}',
    }
    spec["alerting"]["burnRates"] = [
        {"name": f"pair-{number}", "severity": severity, "budget": "1%", "long": f"{number + 1}h", "short": "5m"}
        for number, severity in enumerate(
            ("critical", "warning", "info", "critical", "warning", "info", "info", "info")
        )
    ]
    return slo


@pytest.mark.usefixtures("prometheus_operator_crds")
def test_a_rule_object_of_somebody_else_is_left_alone_until_it_is_gone(
    control_plane: ControlPlane,
    start_operator: Callable[..., OperatorProcess],
    write_counter: WriteCounter,
    namespace: str,
) -> None:
    foreign = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "binnacle-slo-wanted", "namespace": namespace},
        "spec": {"groups": []},
    }
    control_plane.apply(foreign)
    operator = start_operator(config={"prometheus": {"output": "operator"}})
    arena = Arena(control_plane, operator, write_counter, namespace, "operator")
    arena.apply(good_slo("neighbour", namespace))
    arena.status("neighbour")
    before = arena.state()
    arena.apply(good_slo("wanted", namespace))
    status = arena.status("wanted")
    found = condition(status, "Stalled")
    assert found is not None
    assert found["reason"] == "NameTaken"
    assert f"PrometheusRule {namespace}/binnacle-slo-wanted exists and is not ours" in found["message"]
    assert "Rename it, delete it" in found["message"]
    assert arena.state().changed_since(before) == set()
    control_plane.kubectl("delete", "prometheusrule", "binnacle-slo-wanted", "-n", namespace)
    eventually(lambda: condition(arena.status("wanted"), "Stalled") is None, what="the rules of wanted")
    assert set(arena.served()) == {"neighbour", "wanted"}


def test_a_config_map_of_somebody_else_is_left_alone_until_it_is_gone(
    control_plane: ControlPlane,
    start_operator: Callable[..., OperatorProcess],
    write_counter: WriteCounter,
    namespace: str,
) -> None:
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}})
    control_plane.kubectl("delete", "configmap", AGGREGATE, "-n", MONITORING, "--ignore-not-found")
    control_plane.kubectl("create", "configmap", AGGREGATE, "-n", MONITORING, "--from-literal=theirs=yes")
    operator = start_operator(config={"prometheus": {"output": "configMap"}, "namespaces": [namespace]})
    arena = Arena(control_plane, operator, write_counter, namespace, "configMap")
    arena.apply(good_slo("one", namespace), good_slo("two", namespace))
    for name in ("one", "two"):
        found = condition(arena.status(name), "Stalled")
        assert found is not None
        assert found["reason"] == "NameTaken"
        assert f"ConfigMap {MONITORING}/{AGGREGATE} exists and is not ours" in found["message"]
    taken = control_plane.get("configmap", AGGREGATE, "-n", MONITORING)
    assert taken["data"] == {"theirs": "yes"}
    assert "managedFields" not in taken["metadata"]
    control_plane.kubectl("delete", "configmap", AGGREGATE, "-n", MONITORING)
    eventually(lambda: set(arena.served()) == {"one", "two"}, what="the rules of both")
    eventually(lambda: condition(arena.status("two"), "Stalled") is None, what="two is well again")
