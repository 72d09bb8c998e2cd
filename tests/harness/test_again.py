"""What gets a second run: a few tests of real servers, and nothing else."""

import pytest

from servers.again import MOST, refused

ONE = "tests/cluster/test_source.py::test_a_restart_of_the_api_server_loses_nothing"


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        ([ONE], ""),
        ([ONE, "tests/stack/test_backends.py::test_it[2.42]"], ""),
        ([], "no test has failed"),
        ([f"{ONE}[{n}]" for n in range(MOST + 1)], f"more than {MOST}"),
        ([ONE, "tests/compile/test_slo.py::test_it"], "tests/compile/test_slo.py::test_it"),
        # A module that cannot be imported, or no test of which could be begun.
        (["tests/cluster/test_source.py"], "no server to blame"),
    ],
)
def test_only_a_few_tests_of_servers_run_again(failed: list[str], why: str) -> None:
    said = refused(failed)
    assert why in said
    assert bool(why) == bool(said)


def test_a_skip_that_was_not_expected_is_not_mended_by_a_second_run() -> None:
    assert "tests/x.py::skipped" in refused([ONE], ["tests/x.py::skipped"])
