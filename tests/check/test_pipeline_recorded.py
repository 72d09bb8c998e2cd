"""The filters of the simulator against what real Fluentd did, in every recorded case that has only what stages are spelled with."""

import pytest

from check.pipelinecases import CASES, engine, recorded, replayed

COVERED = [
    "parser-regexp",
    "parser-regexp-reserve",
    "parser-regexp-time-timeout",
    "parser-regexp-multiline-flag",
    "parser-regexp-ignorecase",
    "parser-regexp-unicode-on-utf8",
    "parser-regexp-unicode-on-binary",
    "grep-regexp",
    "grep-noslash",
    "grep-number",
    "grep-two-regexp",
    "grep-empty-pattern",
    "grep-non-ascii",
    "grep-empty",
    "route-first-match-wins",
    "route-no-match",
    "route-label",
    "route-label-no-fallthrough",
    "route-label-no-at",
    "route-relabel-root",
    "route-copy",
    "route-copy-mutation",
    "route-copy-mode-no_copy",
    "route-copy-mode-deep",
    "route-copy-mode-marshal",
    "route-copy-store-error",
    "route-copy-second-error",
    "route-output-error-no-label",
    "concat-start",
    "concat-start-first-ts",
    "concat-flush-timeout",
    "concat-flush-timeout-label",
    "concat-shutdown-label",
    "concat-shutdown-cri-partial",
    "concat-cri-missing-logtag",
    "concat-separator",
    "concat-end",
    "concat-partial-cri",
    "concat-partial-cri-identity",
    "concat-key-missing",
    "concat-bad-utf8",
    "concat-two-tags",
    "concat-other-fields",
    "chain-filter-drops-all",
    "accessor-syntax-12",
    "rt-remove-nested-on-scalar",
]
ENDLESS = "route-error-in-error-label"
"""An output in @ERROR that fails: the real one ends with its stack, ours says so."""


def test_the_list_is_all_that_can_be_run():
    assert {case_id for case_id, case in CASES.items() if engine(case) is not None} == {*COVERED, ENDLESS}


@pytest.mark.parametrize("case_id", COVERED)
def test_what_comes_out_is_what_real_fluentd_delivered(case_id):
    case = CASES[case_id]
    work = engine(case)
    assert work is not None
    assert replayed(case, work) == recorded(case)


def test_an_output_in_the_error_label_that_fails_is_refused():
    case = CASES[ENDLESS]
    work = engine(case)
    assert work is not None
    with pytest.raises(ValueError, match="@ERROR"):
        replayed(case, work)
