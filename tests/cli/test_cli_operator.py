"""`binnacle operator`: what it refuses before it speaks to any API server."""

import pytest
from typer.testing import CliRunner

from binnacle.cli.operator import app
from binnacle.errors import BinnacleError


@pytest.mark.parametrize(
    ("period", "words"), [("10", "Add a unit: 10s"), ("-1s", "not a duration"), ("999ms", "the shortest is 1s")]
)
def test_a_resync_period_is_a_duration_of_a_second_or_more(period: str, words: str) -> None:
    ended = CliRunner().invoke(app, [f"--resync-period={period}"])
    assert isinstance(ended.exception, BinnacleError)
    assert words in str(ended.exception)
