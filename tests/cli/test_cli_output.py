"""Findings as text, JSON, SARIF and GitHub annotations."""

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.findings import Finding, Severity, printable
from binnacle.api.reasons import DOCS, Reason
from binnacle.cli.output import Format, annotation, exit_status, summary, write_findings
from binnacle.folder.located import Located
from binnacle.intent.refs import Key

CHECKOUT = Key("SLO", "shop", "checkout")
ERROR = Located(
    Finding(
        Severity.ERROR,
        Reason.PROMQL_SYNTAX,
        "spec.indicator.ratio.errors",
        "unexpected end of input",
        "Close the brace.",
    ),
    CHECKOUT,
    "slos/check out.yaml",
    2,
    9,
)
WARNING = Located(
    Finding(Severity.WARNING, Reason.WINDOW_TOO_LONG, "spec.window", "Too long."), CHECKOUT, "a.yaml", 1, 1
)
NOTE = Located(
    Finding(Severity.INFO, Reason.NOT_A_RESOURCE, "", "Pod x is passed over."), Key("Pod", "", "x"), "a.yaml", 7
)
TEXTS = {"slos/check out.yaml": "spec:\n\terrors: 'http_requests_total{'\r\n", "a.yaml": "window: 1\n"}


def written(findings: list[Located], output: Format, **options: Any) -> str:
    out = io.StringIO()
    write_findings(findings, output, out, **options)
    return out.getvalue()


def test_text_shows_place_line_caret_and_fix() -> None:
    assert written([ERROR, NOTE, WARNING], Format.TEXT, texts=TEXTS) == (
        "a.yaml:1:1: warning[WindowTooLong]: SLO shop/checkout spec.window: Too long.\n"
        "    1 | window: 1\n"
        "      | ^\n"
        "a.yaml:7: info[NotAResource]: Pod x is passed over.\n"
        "slos/check out.yaml:2:9: error[PromQLSyntax]: SLO shop/checkout spec.indicator.ratio.errors: "
        "unexpected end of input\n"
        "    2 |  errors: 'http_requests_total{'\n"
        "      |         ^\n"
        "  fix: Close the brace.\n"
        "1 error, 1 warning\n"
    )


def test_text_of_nothing_is_nothing() -> None:
    assert written([], Format.TEXT) == ""


def test_color_follows_the_terminal_and_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" not in written([ERROR], Format.TEXT)
    assert "\x1b[" in written([ERROR], Format.TEXT, color=True)
    assert "\x1b[" not in written([ERROR], Format.TEXT, color=False)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for no_color, colored in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        out = Terminal()
        write_findings([ERROR], Format.TEXT, out)
        assert (re.search(r"\x1b\[[0-9;]*3[1-7]", out.getvalue()) is not None) is colored


def test_a_long_line_is_cut_around_the_column() -> None:
    line = "x" * 5000 + "HERE" + "y" * 5000
    item = Located(ERROR.finding, CHECKOUT, "f", 1, 5001)
    rows = written([item], Format.TEXT, texts={"f": line}).splitlines()
    assert rows[1][rows[2].index("^") :].startswith("HERE")
    assert len(rows[1]) < 200


def test_wide_characters_do_not_move_the_caret() -> None:
    item = Located(ERROR.finding, CHECKOUT, "f", 1, 3)
    assert written([item], Format.TEXT, texts={"f": "日本x"}).splitlines()[2] == "      |     ^"


@given(st.text(max_size=30))
def test_nothing_of_a_resource_steers_the_terminal(text: str) -> None:
    item = Located(Finding(Severity.ERROR, Reason.INVALID_VALUE, text, text, text), Key(text, text, text), "f", 1, 2)
    out = written([item], Format.TEXT, texts={"f": text.replace("\n", "")}, color=False)
    assert all(char.isprintable() or char == "\n" for char in out)
    assert printable(text).isprintable()
    out.encode()


def test_json_has_the_documented_shape_and_nothing_else() -> None:
    assert json.loads(written([ERROR], Format.JSON, texts=TEXTS)) == [
        {
            "severity": "error",
            "reason": "PromQLSyntax",
            "kind": "SLO",
            "namespace": "shop",
            "name": "checkout",
            "path": "spec.indicator.ratio.errors",
            "file": "slos/check out.yaml",
            "line": 2,
            "column": 9,
            "message": "unexpected end of input",
            "fix": "Close the brace.",
        }
    ]
    assert json.loads(written([], Format.JSON)) == []


def test_sarif_has_what_readers_of_sarif_need() -> None:
    nowhere = Located(WARNING.finding, CHECKOUT)
    piped = Located(WARNING.finding, CHECKOUT, "-", 3, 4)
    log = json.loads(written([ERROR, WARNING, NOTE, nowhere, piped], Format.SARIF))
    assert (log["version"], log["$schema"].endswith("sarif-2.1.0.json")) == ("2.1.0", True)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["NotAResource", "PromQLSyntax", "WindowTooLong"]
    assert DOCS[Reason.PROMQL_SYNTAX].fix in rules[1]["help"]["text"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
    (error,) = (result for result in run["results"] if result["level"] == "error")
    (location,) = error["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "slos/check%20out.yaml"},
        "region": {"startLine": 2, "startColumn": 9},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "SLO/shop/checkout/spec.indicator.ratio.errors"
    without_file = [result for result in run["results"] if not result["locations"][0].get("physicalLocation")]
    assert len(without_file) == 2


def test_the_fingerprint_of_a_finding_survives_lines_added_above_it() -> None:
    def fingerprint(item: Located) -> Any:
        return json.loads(written([item], Format.SARIF))["runs"][0]["results"][0]["partialFingerprints"]

    moved = Located(ERROR.finding, ERROR.key, ERROR.file, 40, 2)
    assert fingerprint(ERROR) == fingerprint(moved)
    assert fingerprint(ERROR) != fingerprint(Located(WARNING.finding, CHECKOUT, ERROR.file, 2, 9))


def test_github_annotations() -> None:
    assert written([ERROR, NOTE], Format.GITHUB) == (
        "::notice file=a.yaml,line=7,title=NotAResource Pod x::Pod x is passed over.\n"
        "::error file=slos/check out.yaml,line=2,col=9,title=PromQLSyntax SLO shop/checkout"
        "::spec.indicator.ratio.errors: unexpected end of input%0AClose the brace.\n"
    )


@given(st.text("a%:,\r\n", max_size=20), st.text("a%:,\r\n", max_size=20))
def test_github_escaping_can_be_undone_and_never_ends_the_command(file: str, message: str) -> None:
    item = Located(Finding(Severity.ERROR, Reason.INVALID_VALUE, "", message), CHECKOUT, "f" + file, 1, 1)
    line = annotation(item)
    assert "\n" not in line
    assert "\r" not in line
    match = re.fullmatch(r"::error file=([^:,]*),line=1,col=1,title=[^:,]*::(.*)", line)
    assert match is not None

    def undo(text: str) -> str:
        return re.sub("%(0A|0D|3A|2C|25)", lambda code: chr(int(code[1], 16)), text)

    assert (undo(match[1]), undo(match[2])) == ("f" + file, printable(message))


@pytest.mark.parametrize(
    ("findings", "strict", "status"),
    [
        ([], False, 0),
        ([NOTE, WARNING], False, 0),
        ([NOTE, WARNING], True, 1),
        ([NOTE], True, 0),
        ([NOTE, ERROR], False, 1),
    ],
)
def test_exit_status(findings: list[Located], strict: bool, status: int) -> None:
    assert exit_status(findings, strict=strict) == status


def test_summary_counts() -> None:
    assert summary([]) == "nothing found"
    assert summary([NOTE, NOTE]) == "2 notes"
    assert summary([NOTE, ERROR, ERROR, WARNING]) == "2 errors, 1 warning"
