"""`binnacle diff` without a cluster: how it prints and ends, and what it says where there is none."""

import json
from pathlib import Path

import pytest
import yaml

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.cli import diff
from binnacle.cli.comparing import Comparison
from binnacle.control.difference import Action, Change
from binnacle.folder.located import Located
from binnacle.intent.refs import Key, ObjectRef
from cli.running import Runner

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
SLO = Key("SLO", "shop", "checkout")
OWN = Change(
    Action.UPDATE, ObjectRef("binnacle.dev/v1alpha1", *SLO), SLO, False, "a: 1\nb: 2\n", "a: 1\nb: \x1b[31m3\n"
)
BOARD = Change(
    Action.CREATE, ObjectRef("v1", "ConfigMap", "monitoring", "board"), Key("SLO", "", ""), False, "", "x: y\n"
)
CHILD = Change(Action.CREATE, ObjectRef("v1", "ConfigMap", "shop", "made"), SLO, False, "", "x: y\n")
SHARE = Change(Action.DELETE, ObjectRef("v1", "ConfigMap", "monitoring", "common"), SLO, True, "old: 1\n", "")
ERROR = Located(Finding(Severity.ERROR, Reason.APPLY_REFUSED, "", "refused"), SLO)
NOTE = Located(Finding(Severity.INFO, Reason.NOT_A_RESOURCE, "", "passed over"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def finds(monkeypatch: pytest.MonkeyPatch, found: Comparison) -> None:
    async def compare(*_: object) -> Comparison:
        return found

    monkeypatch.setattr(diff, "compare", compare)


def test_each_difference_is_printed_with_what_it_is_and_whose(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, Comparison([OWN, CHILD, SHARE, BOARD], [NOTE], ["not seen"], {SLO: "slo.yaml"}, {}))
    ended = run("diff", "slo.yaml")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "SLO shop/checkout (slo.yaml) would be changed",
        "    @@ -1,2 +1,2 @@",
        "     a: 1",
        "    -b: 2",
        r"    +b: \x1b[31m3",
        "",
        "  ConfigMap shop/made would be created",
        "    @@ -0,0 +1 @@",
        "    +x: y",
        "",
        "  ConfigMap monitoring/common (the share of SLO shop/checkout) would be deleted",
        "    @@ -1 +0,0 @@",
        "    -old: 1",
        "",
        "  ConfigMap monitoring/board (for all SLOs) would be created",
        "    @@ -0,0 +1 @@",
        "    +x: y",
        "",
        "Resources: 1 changed; objects: 2 created, 1 deleted. Nothing was written.",
    ]
    assert ended.err == "not seen\n"


def test_json_is_all_that_is_on_standard_output(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, Comparison([OWN, SHARE], [ERROR, NOTE], ["not seen"], {SLO: "slo.yaml"}, {}))
    ended = run("diff", "slo.yaml", "--output", "json")
    assert ended.status == 1
    told = json.loads(ended.out)
    assert [(one["action"], one["kind"], one["share"]) for one in told["changes"]] == [
        ("Update", "SLO", False),
        ("Delete", "ConfigMap", True),
    ]
    assert told["changes"][0]["owner"] == {"kind": "SLO", "namespace": "shop", "name": "checkout"}
    assert told["changes"][1]["diff"] == "@@ -1 +0,0 @@\n-old: 1"
    assert [one["reason"] for one in told["findings"]] == ["ApplyRefused", "NotAResource"]
    assert told["notes"] == ["not seen"]


@pytest.mark.parametrize(
    ("changes", "findings", "arguments", "status"),
    [
        ([], [], [], 0),
        ([OWN], [], [], 0),
        ([OWN], [], ["--exit-code"], 1),
        ([], [], ["--exit-code"], 0),
        ([OWN], [ERROR], [], 1),
    ],
)
def test_the_exit_status_tells_errors_and_on_request_differences(
    run: Runner,
    monkeypatch: pytest.MonkeyPatch,
    changes: list[Change],
    findings: list[Located],
    arguments: list[str],
    status: int,
) -> None:
    finds(monkeypatch, Comparison(changes, findings, [], {SLO: "slo.yaml"}, {}))
    assert run("diff", "slo.yaml", *arguments).status == status


def kubeconfig(folder: Path) -> Path:
    """A kubeconfig of a server that is not there."""
    path = folder / "config"
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
    whole = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster], "contexts": [context]}
    path.write_text(yaml.safe_dump({**whole, "users": [{"name": "c", "user": {"token": "very-secret"}}]}))
    return path


def test_without_a_cluster_it_says_so_and_ends_with_2(run: Runner, tmp_path: Path) -> None:
    absent = run("diff", QUICKSTART, "--kubeconfig", tmp_path / "none")
    assert (absent.status, absent.out) == (2, "")
    assert "none is no file" in absent.err
    away = run("diff", QUICKSTART, "--kubeconfig", kubeconfig(tmp_path))
    assert (away.status, away.out) == (2, "")
    assert "cannot reach the API server" in away.err or "cannot ask" in away.err
    broken = tmp_path / "broken"
    broken.write_text("users: [{name: c, user: {token: very-secret}}")
    unreadable = run("diff", QUICKSTART, "--kubeconfig", broken)
    assert unreadable.status == 2
    assert "very-secret" not in absent.err + away.err + unreadable.err


def test_the_context_of_the_kubeconfig_can_be_chosen(run: Runner, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    whole = yaml.safe_load(path.read_text())
    whole["clusters"].append({"name": "other", "cluster": {"server": "http://127.0.0.1:10"}})
    whole["contexts"].append({"name": "other", "context": {"cluster": "other", "user": "c"}})
    path.write_text(yaml.safe_dump(whole))
    for context, port in (("c", ":9"), ("other", ":10")):
        ended = run("diff", QUICKSTART, "--kubeconfig", path, "--kube-context", context)
        assert (ended.status, port in ended.err) == (2, True), ended.err
    unknown = run("diff", QUICKSTART, "--kubeconfig", path, "--kube-context", "none")
    assert unknown.status == 2
    assert "context none" in unknown.err
    assert "get-contexts" in unknown.err
    assert "very-secret" not in unknown.err


def test_where_there_is_nothing_to_compare_no_cluster_is_asked(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    ended = run("diff", tmp_path / "other.yaml", "--kubeconfig", kubeconfig(tmp_path))
    assert ended.status == 0
    assert ended.out.startswith("Nothing to compare")
