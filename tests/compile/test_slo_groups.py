"""Labels that PromQL cannot write in a list of labels on both lines of Prometheus."""

from datetime import date

import pytest

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key


@pytest.mark.parametrize("name", ["nan", "NaN", "inf", "Inf"])
def test_a_label_that_reads_as_a_number_is_refused(name: str) -> None:
    slo = good_slo("a")
    put("spec.groupBy", ["region", name])(slo)
    outcome = run(shipped(Config.from_data({})), [slo], date(2026, 11, 21))
    [finding] = [one for one in outcome.desired[Key("SLO", "shop", "a")].findings if one.severity == "error"]
    assert (finding.path, finding.reason) == ("spec.groupBy[1]", "InvalidValue")
    assert finding.fix
    assert outcome.objects == ()
