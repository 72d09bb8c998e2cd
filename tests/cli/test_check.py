"""`binnacle check`: what is wrong, where exactly, and the exit status that a pipeline goes by."""

import json
import xml.sax.saxutils
from collections.abc import Callable
from pathlib import Path

import pytest

from api.slo_cases import good_slo
from cli.running import Runner, write

SLO = """\
apiVersion: binnacle.dev/v1alpha1
kind: SLO
metadata: {name: a, namespace: shop}
spec:
  service: checkout
  objective: 99.9%
  window: {rolling: 30d}
  indicator:
    ratio:
      total: http_requests_total
      errors: ERRORS
"""
WARNING = SLO.replace("ERRORS", "x_total") + "  annotations: {note: '{{ range query }}'}\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


# -- exit status -----------------------------------------------------------------------------------------------------


def test_good_resources_are_counted(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, good_slo("a"))
    assert run("check", path) == run("check", "-", stdin=path.read_bytes())
    ended = run("check", path)
    assert (ended.status, ended.out, ended.err) == (0, "1 resource is good.\n", "")
    assert run("check", write(tmp_path, good_slo("a"), good_slo("b"))).out == "2 resources are good.\n"


def test_what_is_not_ours_is_passed_over_with_a_note(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, good_slo("a"))
    ended = run("check", path, "--strict")
    assert ended.status == 0
    assert "Namespace shop is not of binnacle.dev and is passed over." in ended.out
    assert ended.out.endswith("1 resource is good.\n")


def test_nothing_at_all_is_no_good_news(run: Runner, tmp_path: Path) -> None:
    ended = run("check", tmp_path)
    assert (ended.status, ended.out) == (
        0,
        "Nothing to check: there is no resource of binnacle.dev in what was given. SLOs of sloth, pyrra and OpenSLO are converted by binnacle import.\n",
    )


def test_an_error_is_status_1(run: Runner) -> None:
    ended = run("check", "-", stdin=SLO.replace("ERRORS", "sum(x)"))
    assert ended.status == 1
    assert "good" not in ended.out
    assert "fix: " in ended.out


def test_a_warning_fails_with_strict_only(run: Runner) -> None:
    ended = run("check", "-", stdin=WARNING)
    assert ended.status == 0
    assert "1 warning" in ended.out
    assert "good" not in ended.out
    assert run("check", "-", "--strict", stdin=WARNING).status == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["none.yaml"],
        ["-", "--output", "xml"],
        ["-", "--date", "tomorrow"],
        ["-", "--context", "none.yaml"],
        ["-", "--no-such-option"],
    ],
)
def test_wrong_usage_is_status_2(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("check", *arguments, stdin=SLO)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prometheus: {outptu: auto}", "config.yaml:1:14: prometheus.outptu: There is no field outptu. Write output."),
        ("prometheus: {scrapeInterval: 30}", "30 is not a duration"),
        ("{}\n---\n{}", "holds 2 documents"),
        ("a: [", "config.yaml:2:1: This is not YAML"),
    ],
)
def test_a_mistake_in_the_configuration_is_status_2(run: Runner, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    ended = run("check", "-", "--context", tmp_path / "config.yaml", stdin=SLO)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err


def test_the_configuration_counts(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("prometheus: {scrapeInterval: 9m}")
    good = write(tmp_path, good_slo("a"), name="slo.yaml")
    assert run("check", good).status == 0
    ended = run("check", good, "--context", tmp_path / "config.yaml")
    assert ended.status == 1
    assert "shorter than the scrape interval 9m" in ended.out


# -- places ----------------------------------------------------------------------------------------------------------

PROMQL = 'http_requests_total{code=="500"}'
"""The second = is at column 26 of the expression, the operator begins at column 25."""


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        (f"'{PROMQL}'", 11, 15 + 1 + 24),
        (f"  {PROMQL}", 11, 17 + 24),
        (json.dumps(PROMQL), 11, 15 + 1 + 24),
        ('"' + PROMQL.replace('"', "'") + '"', 11, 15 + 1 + 24),
        (f"|\n        {PROMQL}", 12, 9 + 24),
        (f"|-\n          {PROMQL}\n", 12, 11 + 24),
        ('|\n        http_requests_total{\n          code=="500"\n        }', 13, 15),
        ('|\n        # ünï€ode\n        http_requests_total{code=="500"}', 13, 9 + 24),
        (f">\n        {PROMQL}", 11, 15),
    ],
    ids=["single", "plain", "double-escaped", "double", "literal", "deep", "lines", "comment", "folded"],
)
def test_an_error_in_promql_is_shown_where_it_stands(run: Runner, written: str, line: int, column: int) -> None:
    ended = run("check", "-", "--output", "json", stdin=SLO.replace("ERRORS", written))
    [finding] = json.loads(ended.out)
    assert (finding["reason"], finding["path"]) == ("PromQLSyntax", "spec.indicator.ratio.errors")
    assert (finding["line"], finding["column"]) == (line, column)


def test_the_caret_stands_under_the_mistake(run: Runner) -> None:
    ended = run("check", "-", stdin=SLO.replace("ERRORS", f"'{PROMQL}'"))
    lines = ended.out.splitlines()
    [source] = [number for number, text in enumerate(lines) if PROMQL in text]
    assert lines[source + 1].index("^") == lines[source].index("==")


def test_places_count_from_the_beginning_of_the_file(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("# first\n---\n" + SLO.replace("ERRORS", "x_total") + "---\n" + SLO.replace("99.9%", "100%"))
    [duplicate, *_] = json.loads(run("check", path, "--output", "json").out)
    assert (duplicate["reason"], duplicate["line"]) == ("DuplicateResource", 2 + 11 + 1 + 3)


# -- formats ---------------------------------------------------------------------------------------------------------


def test_json_is_json_and_nothing_else(run: Runner) -> None:
    assert json.loads(run("check", "-", "--output", "json", stdin=SLO.replace("ERRORS", "x_total")).out) == []
    ended = run("check", "-", "--output", "json", stdin=SLO.replace("ERRORS", "sum(x)"))
    assert ended.status == 1
    [finding] = json.loads(ended.out)
    assert set(finding) == {
        *("severity", "reason", "kind", "namespace", "name", "path", "file", "line", "column", "message", "fix")
    }
    assert (finding["kind"], finding["namespace"], finding["name"]) == ("SLO", "shop", "a")


def test_sarif_points_at_the_file(run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.yaml").write_text(SLO.replace("ERRORS", "sum(x)"))
    ended = run("check", "a b.yaml", "--output", "sarif")
    assert ended.status == 1
    [result] = json.loads(ended.out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 11, "startColumn": 15}}
    assert json.loads(run("check", "-", "--output", "sarif", stdin="").out)["runs"][0]["results"] == []


def test_github_annotates_the_line(run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SLO.replace("ERRORS", "sum(x)"))
    ended = run("check", "a.yaml", "--output", "github")
    assert ended.status == 1
    assert ended.out.startswith("::error file=a.yaml,line=11,col=15,title=NotASelector SLO shop/a::spec.indicator")
    assert run("check", "-", "--output", "github", stdin=SLO.replace("ERRORS", "x_total")).out == ""


@pytest.mark.parametrize("output", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize("hide", [lambda text: text, xml.sax.saxutils.escape], ids=["raw", "escaped"])
def test_what_people_wrote_steers_no_terminal_and_no_pipeline(
    run: Runner, output: str, hide: Callable[[str], str]
) -> None:
    evil = json.dumps(hide("x\x1b[2J\u202e\r\n::error::y"))
    ended = run(
        "check", "-", "--output", output, stdin=SLO.replace("ERRORS", evil).replace("name: a,", f"name: {evil},")
    )
    assert ended.status == 1
    assert not {"\x1b", "\u202e", "\r"} & set(ended.out)
    assert not any(line.startswith("::error::y") for line in ended.out.splitlines())
