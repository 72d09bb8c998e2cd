"""Templates: whatever is taken for one is one to Prometheus, what people write is taken, the rest is shown as written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binnacle.compile.alertpolicy.gotemplate import BUILTINS, PROMETHEUS, Dialect, problem
from compile.policies import compiled, make_policy, rule_text_of

pytestmark = pytest.mark.thorough

GOOD = [
    "plain }} text",
    "",
    "{{ $labels.service }} fails {{ $value | humanizePercentage }}",
    "{{$value}}",
    "{{- $value -}}",
    '{{ printf "%.2f" $value }}',
    '{{ printf "%.2f" (args 1 2 | len) }}',
    "{{ if gt $value 0.5 }}much{{ else if eq $value 0.0 }}none{{ else }}some{{ end }}",
    '{{ with query "up" }}{{ . | first | value }}{{ end }}',
    '{{ range $i, $s := query "up" }}{{ $i }}={{ $s.Labels.job }}{{ end }}',
    '{{ range query "up{job=\\"a\\"}" }}{{ .Labels.job }} {{ .Value | humanize }}{{ else }}none{{ end }}',
    "{{ $x := $labels.a }}{{ $x | toUpper }}",
    "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}",
    "{{/* a comment }} */}}a",
    "{{ `raw }}` }}",
    "{{ ($labels).a }}",
    "{{ and true (not false) }}",
    "{{ $externalLabels.region }} {{ $externalURL }}",
]
BAD = [
    "{{",
    "{{ }}",
    "{{ $value",
    "{{ $nope }}",
    "{{ nope }}",
    "{{ $value | nope }}",
    "{{ if $value }}a",
    "{{ end }}",
    "{{ else }}",
    "{{ if true }}{{ else }}{{ else }}{{ end }}",
    '{{ template "x" }}',
    '{{ define "x" }}{{ end }}',
    "{{ $labels.foo-bar }}",
    "{{ 'a' }}",
    '{{ "a }}',
    '{{ "\\q" }}',
    "{{ $value | }}",
    "{{ | $value }}",
    "{{ ($value }}",
    "{{ $value) }}",
    '{{ $value | "x" }}',
    "{{ nil }}",
    "{{ $x = 1 }}",
    "{{ $x := }}",
    "{{{ $value }}}",
    "{{ $value }}{{/* a",
    "{{ range }}{{ end }}",
    '{{ humanize"x" }}',
    "{{ 08 }}",
    "{{ break }}",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_people_write_is_taken(text: str) -> None:
    assert problem(text, PROMETHEUS) is None


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_parse_is_refused_with_a_sentence(text: str) -> None:
    said = problem(text, PROMETHEUS)
    assert said is not None
    assert said.endswith(".")


WORDS = (
    "{{ }} $value $labels .a . $x := = | ( ) , if else end range with template define block break nil true query humanize "
    'len print "a" `b` " ` \'c\' 1 -1 0x1 1e3 .5 /* */ é text $ \\'
)
PIECES = st.sampled_from([*WORDS.split(), " ", "  ", "\n", "\t", "{{- ", " -}}", "- ", " -"])
ACTIONS = st.sampled_from(
    [
        "{{ if $value }}",
        "{{ end }}",
        "{{ else }}",
        "{{ $x := 1 }}",
        "{{ $x }}",
        "{{ with $labels.a }}",
        "{{ range query `up` }}",
        "{{ . }}",
        "{{/* c */}}",
        "{{ print 1 (print 2) | len }}",
        " a ",
        "{{ else if true }}",
        "{{- $value -}}",
        "{{ $x = 2 }}",
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=9).map("".join),
    st.lists(ACTIONS, max_size=8).map("".join),
    st.lists(PIECES, max_size=7).map(lambda pieces: "{{ " + " ".join(pieces) + " }}"),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=20, max_size=40))
def test_whatever_is_taken_parses_in_prometheus(promtool: Callable[..., Any], tmp_path: Path, texts: list[str]) -> None:
    taken = [text for text in texts if problem(text, PROMETHEUS) is None and "{{" in text]
    rules = [{"alert": "X", "expr": "up", "annotations": {f"a{number}": text for number, text in enumerate(taken)}}]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    ended = promtool("check", "rules", "rules.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, (taken, ended.stdout + ended.stderr)


def test_the_examples_parse_in_prometheus(promtool: Callable[..., Any], tmp_path: Path) -> None:
    rules = [{"alert": "X", "expr": "up", "annotations": {f"a{number}": text for number, text in enumerate(GOOD)}}]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    assert promtool("check", "rules", "rules.yaml", cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize("text", BAD)
def test_a_text_that_is_no_template_is_shown_as_written_and_the_alert_stays(
    text: str, promtool: Callable[..., Any], tmp_path: Path
) -> None:
    rule = {"name": "X", "expression": {"promql": "up == 0"}, "severity": "info", "summary": text}
    policy = make_policy(rules=[rule])
    outcome = compiled(policy)
    (finding,) = outcome.findings
    assert (finding.reason, finding.path) == ("TemplateSyntax", "spec.rules[X].summary")
    (tmp_path / "rules.yaml").write_text(rule_text_of(policy, outcome))
    series = [{"series": "up", "values": "0x5"}]
    alert = {"exp_labels": LABELS, "exp_annotations": {"summary": text}}
    test = {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [{"eval_time": "2m", "alertname": "X", "exp_alerts": [alert]}],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(json.dumps(document))
    ended = promtool("test", "rules", "test.yaml", cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


LABELS = {
    "severity": "info",
    "binnacle_kind": "AlertPolicy",
    "binnacle_namespace": "shop",
    "binnacle_name": "payments",
    "binnacle_route": "payments",
}


def test_a_dialect_says_what_it_knows() -> None:
    alertmanager = Dialect(BUILTINS | {"join"}, named=True)
    assert problem('{{ template "slack.title" . }}{{ join "," .Values }}', alertmanager) is None
    assert problem("{{ $labels.a }}", alertmanager) is not None
    assert problem("{{ template }}", alertmanager) is not None
