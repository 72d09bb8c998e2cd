"""The linter against what happened when real Fluentd was started with files that its dry run liked."""

import json
import random
import time
from pathlib import Path

import pytest

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.lint import lint, lint_text
from binnacle.check.fluentd.sections import FluentdSyntaxError
from binnacle.targets.fluentd import Element, Json, SecretFile, element, render
from binnacle.targets.fluentd.render import embedded
from check.fluentdtexts import mutated
from servers.pace import effort

DATA = Path(__file__).parents[1] / "data/fluentd"
CASES = {case["id"]: case for case in json.loads((DATA / "dryrun.json").read_text())["cases"]}
PIPELINES = json.loads((DATA / "pipelines.json").read_text())["cases"]

FINE = frozenset(
    {
        "ok",
        "crlf-file",
        "include-file",
        "ruby-runs-in-comment-no",
        "timekey-missing",
        "workers-file-output",
        "retry-forever-secondary",
        # These depend on another host: nothing in the text is wrong.
        "http-output-refused",
        "loki-no-labels",
    }
)
"""Files that the dry run likes and that work."""

ADVICE = {"label-unused", "chunk-bigger-than-total", "tail-missing-path"}
"""Files that work and are worth a warning."""

MISSED = {
    "unknown-parameter": Reason.UNKNOWN_OPTION,
    "unknown-section": Reason.UNKNOWN_OPTION,
    "unknown-root-section": Reason.UNKNOWN_OPTION,
    "unknown-root-parameter": Reason.UNKNOWN_OPTION,
    "system-unknown": Reason.UNKNOWN_OPTION,
    "unknown-placeholder": Reason.UNKNOWN_OPTION,
    "detect-bad-language": Reason.UNKNOWN_OPTION,
    "bad-duration": Reason.MISREAD_VALUE,
    "bad-size": Reason.MISREAD_VALUE,
    "zero-size": Reason.MISREAD_VALUE,
    "bad-integer": Reason.MISREAD_VALUE,
    "strict-config-value-unit-trap": Reason.MISREAD_VALUE,
    "bad-regexp-flags": Reason.MISREAD_VALUE,
    "port-bad": Reason.MISREAD_VALUE,
    "port-in-use": Reason.INVALID_VALUE,
    "http-output-bad-endpoint": Reason.INVALID_VALUE,
    "tail-glob-all": Reason.INVALID_VALUE,
    "parser-bad-time-format": Reason.INVALID_VALUE,
    "ruby-syntax-template": Reason.EMBEDDED_CODE,
    "ruby-syntax-template-tail": Reason.EMBEDDED_CODE,
    "ruby-syntax-literal": Reason.EMBEDDED_CODE,
    "ruby-undefined": Reason.EMBEDDED_CODE,
    "ruby-type-error": Reason.EMBEDDED_CODE,
    "ruby-runs-in-dry-run": Reason.EMBEDDED_CODE,
    "ruby-runs-in-json": Reason.EMBEDDED_CODE,
    "ruby-runs-prepare-value": Reason.EMBEDDED_CODE,
    "ruby-runs-record-modifier": Reason.EMBEDDED_CODE,
    "ruby-record-transformer-not-run": Reason.EMBEDDED_CODE,
    "shell-hostname-command": Reason.EMBEDDED_CODE,
    "exec-source-not-run": Reason.EMBEDDED_CODE,
    "json-ruby-shell": Reason.EMBEDDED_CODE,
    "key-ruby": Reason.EMBEDDED_CODE,
    "env-unset": Reason.EMBEDDED_CODE,
    "env-unset-path": Reason.EMBEDDED_CODE,
    "broken-tenant-kills-others": Reason.EMBEDDED_CODE,
    "record-modifier-redaction-leak": Reason.FAILS_OPEN,
    "grep-fails-open": Reason.FAILS_OPEN,
    "shadowed-match": Reason.UNREACHABLE_SECTION,
    "filter-after-match": Reason.UNREACHABLE_SECTION,
    "no-source": Reason.UNREACHABLE_SECTION,
    "empty-config": Reason.UNREACHABLE_SECTION,
    "only-comment": Reason.UNREACHABLE_SECTION,
    "no-match": Reason.LOSES_RECORDS,
    "error-label-fails": Reason.LOSES_RECORDS,
    "output-raises-no-error-label": Reason.LOSES_RECORDS,
    "slow-tenant-raises": Reason.LOSES_RECORDS,
    "tail-encoding-only": Reason.LOSES_RECORDS,
    "label-loop": Reason.ROUTING_LOOP,
    "label-loop-two": Reason.ROUTING_LOOP,
    "rewrite-loop": Reason.ROUTING_LOOP,
    "timeout-label-missing": Reason.MISSING_LABEL,
    "rewrite-label-missing": Reason.MISSING_LABEL,
    "duplicate-key": Reason.DUPLICATE_FIELD,
    "buffer-unwritable": Reason.UNSAFE_PATH,
    "output-unwritable": Reason.UNSAFE_PATH,
    "pos-file-unwritable": Reason.UNSAFE_PATH,
    "secondary-unwritable": Reason.UNSAFE_PATH,
    "id-with-slash": Reason.UNSAFE_PATH,
    "include-missing": Reason.EMPTY_INCLUDE,
    "include-glob-empty": Reason.EMPTY_INCLUDE,
    "record-include": Reason.EMPTY_INCLUDE,
}
"""Files that the dry run likes and that fail, leak, run code or lose records; and the reason that says so."""


def found(case: dict, *, whole: bool = True) -> tuple[Finding, ...]:
    return lint(parse(case["config"], files=case.get("files")), whole=whole)


def errors(findings: tuple[Finding, ...]) -> set[Reason]:
    return {finding.reason for finding in findings if finding.severity is Severity.ERROR}


def test_every_file_that_the_dry_run_likes_is_accounted_for() -> None:
    liked = {name for name, case in CASES.items() if case["dry_run_verdict"] != "caught"}
    assert liked == FINE | ADVICE | MISSED.keys()


@pytest.mark.parametrize("name", sorted(FINE))
def test_no_word_about_a_file_that_works(name: str) -> None:
    assert found(CASES[name]) == ()


@pytest.mark.parametrize("name", sorted(ADVICE))
def test_only_advice_about_a_file_that_works(name: str) -> None:
    findings = found(CASES[name])
    assert findings
    assert not errors(findings)


@pytest.mark.parametrize("name", sorted(MISSED))
def test_what_the_dry_run_misses_is_found(name: str) -> None:
    assert MISSED[name] in errors(found(CASES[name]))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bad-bool", Reason.MISREAD_VALUE),
        ("bad-enum", Reason.MISREAD_VALUE),
        ("missing-type", Reason.MISSING_FIELD),
        ("bad-regexp", Reason.INVALID_VALUE),
        ("bad-tag-pattern", Reason.INVALID_VALUE),
        ("label-missing", Reason.MISSING_LABEL),
        ("source-label-missing", Reason.MISSING_LABEL),
        ("label-twice", Reason.INVALID_VALUE),
        ("duplicate-id", Reason.INVALID_VALUE),
        ("unclosed-section", Reason.FLUENTD_SYNTAX),
        ("at-param-in-section", Reason.FLUENTD_SYNTAX),
    ],
)
def test_what_the_dry_run_finds_is_found_too_where_the_text_says_it(name: str, reason: Reason) -> None:
    assert reason in errors(lint_text(CASES[name]["config"]))


LOSING = {
    "grep-dollar", "rewrite-loop", "rewrite-same-tag", "route-shadowed", "tail-encoding-invalid", "tail-encoding-utf8-redact"
}  # fmt: skip
ABOUT = (
    Reason.MISREAD_VALUE,
    Reason.UNREACHABLE_SECTION,
    Reason.MISSING_LABEL,
    Reason.DUPLICATE_FIELD,
    Reason.LOSES_RECORDS,
)


def test_pipelines_that_work_raise_no_alarm() -> None:
    """A pipeline whose events all came out, without an error or a word in the log, has no finding about its values or ways."""
    alarmed = []
    for case in PIPELINES:
        result = case["result"]
        if result.get("log") or result.get("configure_error") or result.get("errors") or case["id"] in LOSING:
            continue
        try:
            alarmed += [(case["id"], finding) for finding in found(case, whole=False) if is_alarm(finding)]
        except FluentdSyntaxError as error:
            alarmed.append((case["id"], error))
    assert not alarmed


def is_alarm(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.reason in ABOUT


def test_a_finding_says_where_and_what_fluentd_makes_of_it() -> None:
    (finding,) = lint_text(
        "<source>\n  @type forward\n  @label @A\n</source>\n<label @A>\n  <match **>\n    @type forward\n    @id out\n"
        "    <buffer>\n      flush_interval 500ms\n    </buffer>\n  </match>\n</label>\n"
    )
    assert finding.path == "label[@A].match[out].buffer.flush_interval"
    assert "30,000 s" in finding.message
    assert "line 9" in finding.message


def test_our_own_code_and_paths_are_trusted_by_name_only() -> None:
    secret = SecretFile("/secrets/shop/loki/password")
    text = render(
        [
            element("source", params={"@type": "forward", "port": 24224}),
            element(
                "filter",
                "**",
                {"@type": "record_transformer", "enable_ruby": True},
                [element("record", params={"k": "${record['a'].to_s}"})],
            ),
            element(
                "match",
                "**",
                {
                    "@type": "loki",
                    "url": "http://loki:3100",
                    "password": secret,
                    "extra_labels": Json.of({"cluster": "c#{1}"}),
                },
                [
                    element(
                        "buffer",
                        "tag",
                        {"@type": "file", "path": "/buffers/lp.shop.checkout.loki", "chunk_limit_size": 4 << 20},
                    )
                ],
            ),
        ]
    )
    assert errors(lint_text(text, roots=("/buffers",))) == {Reason.EMBEDDED_CODE}
    trusted = {embedded(secret), "${record['a'].to_s}"}
    assert lint_text(text, trusted=trusted, roots=("/buffers",)) == ()
    assert errors(lint_text(text, trusted=trusted, roots=("/other",))) == {Reason.UNSAFE_PATH}


@pytest.mark.parametrize(
    "path", ["", "/buffers/../etc", "/proc/x", "/dev", "/buffers/${user}/x", "/buffersx/a", "/etc/x"]
)
def test_a_path_stays_where_it_should(path: str) -> None:
    text = render([element("match", "**", {"@type": "file", "path": path})])
    assert errors(lint_text(text, whole=False, roots=("/buffers",))) == {Reason.UNSAFE_PATH}


def test_of_a_part_nothing_is_said_about_the_rest() -> None:
    part = "<match a.**>\n  @type relabel\n  @label @ELSEWHERE\n</match>\n"
    assert lint_text(part, whole=False) == ()
    assert errors(lint_text(part)) == {Reason.MISSING_LABEL, Reason.UNREACHABLE_SECTION}


def test_hostile_texts_are_linted_at_once_too() -> None:
    rng = random.Random(20260102)
    texts = [case["config"] for case in (*CASES.values(), *PIPELINES)]
    assert max(timed(mutated(rng, texts)) for _ in range(600)) < effort(1.0)


def timed(text: str) -> float:
    begun = time.process_time()
    lint_text(text)
    return time.process_time() - begun


def test_hundred_pipelines_are_linted_in_less_than_a_second() -> None:
    text = render([pipeline(number) for number in range(100)])
    assert timed(text) < effort(1.0)
    assert errors(lint_text(text, whole=False)) == {Reason.FAILS_OPEN}


def pipeline(number: int) -> Element:
    mask = element("replace", params={"key": "message", "expression": "/[0-9]{16}/", "replace": "[PAN]"})
    filters = [
        element("filter", "**", {"@type": "record_modifier", "@id": f"lp.shop.p{number}.{index}"}, [mask])
        for index in range(10)
    ]
    return element("label", f"@lp.shop.p{number}", children=[*filters, element("match", "**", {"@type": "null"})])
