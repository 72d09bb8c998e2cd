"""The page on mounting names the objects that are written, where they are and what is in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from binnacle.api.config import Config
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.targets.alertmanager import DATA_KEY as ALERTMANAGER
from binnacle.targets.blackbox import DATA_KEY as BLACKBOX
from targets.test_metricset_outputs import metric_set

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/mounting.md").read_text()


def quickstart() -> list[dict[str, object]]:
    files = sorted((ROOT / "examples/quickstart").glob("*.yaml"))
    bodies = [body for file in files for body in yaml.safe_load_all(file.read_text())]
    return [body for body in bodies if str(body["apiVersion"]).startswith("binnacle.dev/")]


def test_the_page_names_every_object_with_its_namespace_and_its_key() -> None:
    config = Config.from_data(
        {
            "prometheus": {"output": "configMap", "namespace": "metrics"},
            "alertmanager": {"namespace": "alerts"},
            "grafana": {"namespace": "boards", "url": "https://grafana.example"},
            "fluentd": {"namespace": "logging"},
            "probers": {"eu": "eu:9115"},
        }
    )
    field = {"metrics": "prometheus.namespace", "alerts": "alertmanager.namespace", "boards": "grafana.namespace"}
    key = {"alertmanager": f"`{ALERTMANAGER}`", "blackbox": f"`{BLACKBOX}`"}
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    table = {row[0].split(",")[0].strip("`"): row for row in rows}
    seen = set()
    for one in run(shipped(config), [*quickstart(), metric_set()], date(2026, 1, 1)).objects:
        if one.ref.namespace == "logging":
            continue  # docs/fluentd.md
        dashboard = one.ref.name.startswith("binnacle-dash-")
        name = "binnacle-dash-..." if dashboard else one.ref.name.replace("-default-", "-<instance>-")
        row = table[name]
        assert row[1] == f"`{field[one.ref.namespace]}`"
        assert key.get(name.rsplit("-", 1)[-1], row[2]) == row[2]
        seen.add(name)
    assert seen == {name for name in table if name.startswith("binnacle-")}
