"""`binnacle demo`: it shows what it promises, plainly in a pipe, and leaves nothing behind."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from binnacle.api.registry import KINDS
from binnacle.cli.tour.tables import table, value_at
from binnacle.cli.tour.traffic import FAILING, OUTAGE, Traffic
from cli.running import process

REPOSITORY = Path(__file__).resolve().parents[2]
QUICKSTART = REPOSITORY / "examples" / "quickstart"
STEPS = [
    "1. What a team writes",
    "2. What is written for the backends",
    "3. What the people on call see",
    "4. The same, live",
    "5. A change, and what it changes",
    "6. A mistake, and what becomes of it",
    "7. How to go on",
]


def test_the_tour_shows_each_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = {path: path.read_text() for path in QUICKSTART.glob("*")}
    (tmp_path / "bin").mkdir()
    ended = process("demo", QUICKSTART, PATH=str(tmp_path / "bin"), TMPDIR=str(tmp_path), TERM="xterm")
    assert (ended.returncode, ended.stderr) == (0, "")
    said = ended.stdout
    assert "\x1b" not in said
    places = [said.index(step) for step in STEPS]
    assert places == sorted(places)
    parts = dict(zip(STEPS, (said[a:b] for a, b in zip(places, [*places[1:], None], strict=True)), strict=True))
    for file in QUICKSTART.glob("*.yaml"):
        assert file.name in parts[STEPS[0]]
    assert "objective: 99.9%" in parts[STEPS[0]]
    for path in (
        "prometheus/rules/slo.shop.checkout.yaml",
        "alertmanager/alertmanager.yaml",
        "grafana/dashboards/",
        "fluentd/binnacle.conf",
        "fluentd/logpipeline.shop.",
    ):
        assert f"out/{path}" in parts[STEPS[1]]
    for kind in ("slo", "ap", "dash", "mset", "lp"):
        assert f"$ kubectl -n shop get {kind}" in parts[STEPS[2]]
    assert "False" not in parts[STEPS[2]]
    assert "Left out: prometheus and promtool are not on the PATH." in parts[STEPS[3]]
    assert "on Debian and Ubuntu" in parts[STEPS[3]]
    assert "-    expr: '1 - slo:period_error:ratio{…} / 0.001'" in parts[STEPS[4]]
    assert "+    expr: '1 - slo:period_error:ratio{…} / 0.0005'" in parts[STEPS[4]]
    assert "checkout-slo.yaml:20:35: error[PromQLSyntax]" in parts[STEPS[5]]
    assert "False" in parts[STEPS[5]]
    assert "byte for byte as before" in parts[STEPS[5]]
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    assert {path: path.read_text() for path in QUICKSTART.glob("*")} == before


def test_a_folder_that_the_tour_does_not_tell_of_is_refused(tmp_path: Path) -> None:
    away = process("demo", tmp_path / "none")
    assert (away.returncode, "is not a folder" in away.stderr) == (2, True)
    shutil.copy(QUICKSTART / "checkout-dashboard.yaml", tmp_path)
    other = process("demo", tmp_path)
    assert (other.returncode, "the tour tells of an SLO" in other.stderr) == (2, True)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.window.rolling", "30d"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        ('.status.conditions[?(@.type=="Live")].status', ""),
        (".status.sli", ""),
        (".status.conditions.nothing", ""),
    ],
)
def test_columns_find_what_kubectl_finds(path: str, value: str) -> None:
    body = {
        "spec": {"window": {"rolling": "30d"}},
        "status": {"conditions": [{"type": "Stalled", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    assert value_at(body, path) == value


def test_tables_have_the_columns_of_the_resource_definitions() -> None:
    spec = {"service": "pay", "window": {"calendar": "Month", "timeZone": "Europe/Berlin"}}
    slo = {"metadata": {"name": "checkout"}, "spec": spec, "status": {"sli": "99.9%"}}
    heads, row = table(KINDS["SLO"], [slo])
    assert heads[:2] == ("NAME", "SERVICE")
    assert "AGE" not in heads
    assert "BURN" not in heads
    shown = dict(zip(heads, row, strict=True))
    assert (shown["WINDOW"], shown["SLI"]) == ("Month", "99.9%")


def test_the_made_up_counters_only_grow_and_fail_since_the_outage() -> None:
    traffic = Traffic(1_800_000_000, 30 * 86400)
    times = [traffic.now - 7200 + 7.5 * step for step in range(1100)]
    counts = [traffic.counters(at) for at in times]
    assert all(a < c and b <= d for (a, b), (c, d) in pairwise(counts))
    (requests, errors), (later, more) = (traffic.counters(at) for at in (traffic.now - OUTAGE + 15, traffic.now + 60))
    assert (more - errors) / (later - requests) == pytest.approx(FAILING)
