"""A missing server is told aloud; in CI a skip that nobody expected fails the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers.skips import expected_reasons

CONFTEST = """
import re
from servers.skips import SkipWatch

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipWatch([re.compile(r"^only on kind$")], strict={strict}))
"""
TESTS = """
import pytest
from servers.skips import unavailable

def test_runs(): pass

@pytest.mark.skip(reason="only on kind")
def test_expected(): pass

@pytest.mark.xfail(strict=True)
def test_known(): assert False
"""
LACKING = """
def test_lacks(): unavailable("etcd is not here")
"""
WHOLE_MODULE = """
import pytest
pytest.skip("a whole module", allow_module_level=True)
"""


def run(
    pytester: pytest.Pytester, *arguments: str, strict: bool, tests: str = TESTS, more: str = ""
) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST.format(strict=strict))
    pytester.makepyfile(test_first=tests)
    if more:
        pytester.makepyfile(test_second=more)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:asyncio", *arguments)


@pytest.fixture(autouse=True)
def _import_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    monkeypatch.delenv("BINNACLE_REQUIRE_SERVERS", raising=False)


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "xdist"])
def test_an_unexpected_skip_fails_a_strict_run(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(pytester, *workers, strict=True, tests=TESTS + LACKING)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*1 tests: no server: etcd is not here", "test_first.py::test_lacks: no server: etcd is not here"]
    )
    result.stdout.no_fnmatch_line("*test_expected:*")
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "xdist"])
def test_a_module_that_skips_itself_fails_a_strict_run(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(pytester, *workers, strict=True, more=WHOLE_MODULE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["test_second.py: a whole module"])


def test_expected_skips_and_expected_failures_pass_a_strict_run(pytester: pytest.Pytester) -> None:
    assert run(pytester, strict=True).ret == pytest.ExitCode.OK


def test_elsewhere_a_missing_server_is_told_and_passes(pytester: pytest.Pytester) -> None:
    result = run(pytester, strict=False, tests=TESTS + LACKING)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["*tests that did not run for want of a server*", "1 tests: no server: etcd is not here"]
    )


def test_a_required_server_that_is_missing_fails_its_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINNACLE_REQUIRE_SERVERS", "1")
    result = run(pytester, strict=False, tests=TESTS + LACKING)
    result.assert_outcomes(passed=1, skipped=1, xfailed=1, failed=1)


def test_the_list_of_expected_skips_has_notes_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "expected"
    path.write_text("# a note\n\n  ^kind needs .*$\n")
    assert [expression.pattern for expression in expected_reasons(path)] == ["^kind needs .*$"]
    assert expected_reasons(tmp_path / "absent") == []
