"""Groups of one SLO, and SLOs of one name: whose labels can be written, and that nothing is shared."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.promql.printer import quote
from compile.building import make_slo, slo_rule_text
from compile.rule_tests import CLOCKS, Expect, Promtool, Scenario, assert_holds, counter, steps

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("name", ["nan", "NaN", "inf", "Inf"])
def test_a_label_that_reads_as_a_number_is_refused(name: str) -> None:
    slo = good_slo("a")
    put("spec.groupBy", ["region", name])(slo)
    outcome = run(shipped(Config.from_data({})), [slo], date(2026, 11, 21))
    [finding] = [one for one in outcome.desired[Key("SLO", "shop", "a")].findings if one.severity == "error"]
    assert (finding.path, finding.reason) == ("spec.groupBy[1]", "InvalidValue")
    assert finding.fix
    assert outcome.objects == ()


def test_a_hundred_groups_have_a_budget_and_an_alert_each(promtool: Promtool, tmp_path: Path) -> None:
    """From one object; every fourth group fails. Labels may hold anything. The window is one that is summed up rarely."""
    end = steps(hours=2)
    # As they are written between quotation marks.
    regions = [quote(f'r{number:02d} "ü" \\ {{a}}')[1:-1] for number in range(100)]
    bad = {region: 100.0 if number % 4 == 0 else 0.01 * number for number, region in enumerate(regions)}
    series: dict[str, Any] = {}
    for region, errors in bad.items():
        label = f'region="{region}"'
        series[f'requests_total{{code="500",{label}}}'] = counter([errors] * end)
        series[f'requests_total{{code="200",{label}}}'] = counter([1000.0 - errors] * end)
    slo = make_slo(groupBy=["region"], window={"rolling": "90d"}, labels={"team": "shop"})
    scenario = Scenario(
        "groups",
        series,
        (
            Expect(
                end,
                "round(sum by (region) (slo:period_error:ratio), 1e-7)",
                {(("region", region),): round(errors / 1000, 7) for region, errors in bad.items()},
            ),
            Expect.firing(
                end,
                *(
                    {"severity": "critical", "region": region, "team": "shop", "slo": "avail"}
                    for region in regions[::4]
                ),
            ),
            Expect.one(end, "count(slo:period_error_budget_remaining:ratio < 0)", 25),
        ),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS)], [scenario])


def test_one_name_on_one_metric_in_two_namespaces_shares_no_series_and_no_alert(
    promtool: Promtool, tmp_path: Path
) -> None:
    end = steps(hours=2)
    indicators = {
        "one": {"ratio": {"errors": 'requests_total{code="500"}', "total": "requests_total"}},
        "two": {"ratio": {"errors": 'requests_total{code="404"}', "total": "requests_total"}},
    }

    def recorded(namespace: str) -> str:
        return f'count({{__name__=~"slo:.+", slo="avail", slo_namespace="{namespace}"}})'

    slos = [make_slo(namespace=name, indicator=one, window={"rolling": "90d"}) for name, one in indicators.items()]
    scenario = Scenario(
        "namespaces",
        {
            'requests_total{code="500"}': counter([50.0] * end),
            'requests_total{code="404"}': counter([0.0] * end),
            'requests_total{code="200"}': counter([950.0] * end),
        },
        (
            Expect(
                end,
                "round(sum by (slo_namespace) (slo:period_error:ratio), 1e-6)",
                {(("slo_namespace", "one"),): 0.05, (("slo_namespace", "two"),): 0},
            ),
            Expect.firing(end, {"severity": "critical", "binnacle_namespace": "one", "slo_namespace": "one"}),
            # All that is recorded says whose it is, and both record as much.
            Expect.nothing(end, 'count({__name__=~"slo:.+", slo_namespace=""})'),
            Expect.one(end, f"{recorded('one')} - {recorded('two')}", 0),
        ),
    )
    assert_holds(promtool, tmp_path, [slo_rule_text(slo, **CLOCKS) for slo in slos], [scenario])
