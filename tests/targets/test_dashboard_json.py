"""Dashboards as Grafana reads them: what its types and a schema say, the same bytes, names, sizes, and hostile strings."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from binnacle.api.dashboard import Dashboard
from binnacle.api.reasons import Reason
from binnacle.compile.registry import KINDS
from binnacle.compile.slo.boards import shared_boards
from binnacle.errors import SpecError
from binnacle.intent.dashboard import Board
from binnacle.targets import conventions
from binnacle.targets.base import Owner
from binnacle.targets.grafana import GrafanaDashboards
from binnacle.targets.grafana.board import text_of
from compile.building import make_slo
from compile.dashboards import (
    REQUESTS,
    compiled,
    good_dashboard,
    grafana,
    key_of,
    make_world,
    output,
    panel,
    plain_dashboard,
    row,
    text,
)
from servers.waiting import PATIENCE
from targets.drawn_dashboards import drawn
from targets.grafana_types import complaints, installed

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "tests" / "data" / "grafana" / "dashboard.schema.json").read_text())
SEED = int(os.environ.get("BINNACLE_SEED", "1"))
DRAWN = int(os.environ.get("BINNACLE_DASHBOARDS", "100"))
TYPED = 30
"""How many of the drawn dashboards Grafana's types judge, too."""
EXAMPLE = ROOT / "examples" / "quickstart" / "checkout-dashboard.yaml"


def every_panel() -> dict[str, Any]:
    """All types of panels, each with all kinds of queries, thresholds and links that it may have."""
    prometheus, loki = {"name": "a", "promql": REQUESTS, "legend": "{{code}}"}, {"name": "b", "logql": '{a="b"}'}
    more = {
        "unit": "s",
        "description": "What it shows",
        "thresholds": [{"value": "0.5", "color": "red"}, {"value": 2, "color": "dark-red"}],
        "links": [{"name": "a", "title": "A", "url": "https://a.example"}],
    }
    panels = [
        panel(kind, type=kind, queries=[prometheus, loki], **more) for kind in ("timeseries", "stat", "gauge", "table")
    ]
    panels += [panel("logs", type="logs", queries=[loki], **more), panel("text", type="text", queries=..., content="x")]
    return good_dashboard("every", rows=[row(*panels)])


def example() -> dict[str, Any]:
    return next(one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one["kind"] == "Dashboard")


def slo_boards() -> dict[str, dict[str, Any]]:
    boards = dict(shared_boards(make_world(url="https://g.example").config))
    grouped = KINDS["SLO"](make_slo(dashboard={}, groupBy=["region"]), make_world())
    boards["own"] = next(one for one in grouped.intents if isinstance(one, Board))
    return {name.replace("-", "_"): json.loads(text_of(board)) for name, board in boards.items()}


def specimens() -> dict[str, dict[str, Any]]:
    there = {key_of({"kind": "SLO", "metadata": {"namespace": "shop", "name": "checkout"}}): make_slo("checkout")}
    config = {"datasources": [{"type": "prometheus", "uid": "mimir", "name": "Mimir"}], "url": "https://g.example"}
    return {
        "good": grafana(good_dashboard()),
        "plain": grafana(plain_dashboard()),
        "every": grafana(every_panel()),
        "example": grafana(example(), make_world(there)),
        "configured": grafana(good_dashboard(), make_world(**config)),
        **slo_boards(),
        "red": grafana(plain_dashboard(template={"name": "red", "service": "a"}, rows=...)),
    }


@pytest.mark.parametrize("name", list(specimens()))
def test_the_schema_holds(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(specimens()[name])
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_schema_holds_for_dashboards_of_all_sorts() -> None:
    judge = jsonschema.Draft202012Validator(SCHEMA)
    for name, body in drawn(DRAWN, SEED).items():
        assert [one for one in compiled(body).findings if one.severity == "error"] == [], name
        errors = judge.iter_errors(grafana(body))
        assert [f"{error.json_path}: {error.message}" for error in errors] == [], name


def test_the_schema_refuses_what_the_kit_gets_wrong() -> None:
    judge = jsonschema.Draft202012Validator(SCHEMA)
    for spoil in (
        lambda whole: whole["links"][0].update(placement="inControlsMenu"),
        lambda whole: whole["panels"][1].pop("id"),
        lambda whole: whole["panels"][0].update(id=0),
        lambda whole: whole["panels"][1]["targets"][0].pop("refId"),
        lambda whole: whole["panels"][1]["options"]["legend"].update(showLegend=False),
        lambda whole: whole.update(__inputs=[]),
        lambda whole: whole.update(id=1),
    ):
        whole = grafana(good_dashboard())
        spoil(whole)
        assert not judge.is_valid(whole)


def test_grafanas_own_types_hold(tmp_path: Path) -> None:
    folder = installed()
    bad = specimens()["good"]
    bad["panels"][1]["options"]["tooltip"]["mode"] = "all"
    scratch = {name: tmp_path / name for name in ("good", "bad")}
    for one in scratch.values():
        one.mkdir()
    all_sorts = {name: grafana(body) for name, body in drawn(TYPED, SEED).items()}
    assert complaints(specimens() | all_sorts, folder, scratch["good"]) == ""
    assert '"all"' in complaints({"bad": bad}, folder, scratch["bad"])


def test_ids_and_reference_names_are_unique() -> None:
    for whole in specimens().values():
        ids = [one["id"] for one in whole["panels"]]
        assert len(set(ids)) == len(ids)
        for one in whole["panels"]:
            names = [target["refId"] for target in one.get("targets", ())]
            assert len(set(names)) == len(names)


def test_no_placeholder_of_an_import_is_left() -> None:
    for whole in specimens().values():
        written = json.dumps(whole)
        assert "__inputs" not in written
        assert "${DS_" not in written
        chosen = {one["name"] for one in whole["templating"]["list"]}
        for one in whole["panels"]:
            uid = (one.get("datasource") or {}).get("uid", "")
            assert not uid.startswith("$") or uid[2:-1] in chosen


def test_the_same_bytes_under_every_hash_seed() -> None:
    script = (
        "import hashlib,sys; sys.path[:0]=['operator','tests']; "
        "from compile.dashboards import good_dashboard, text; "
        "print(hashlib.sha256(text(good_dashboard()).encode()).hexdigest())"
    )
    mine = hashlib.sha256(text(good_dashboard()).encode()).hexdigest()
    for seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert done.stdout.strip() == mine


# The ConfigMap and the file.


def test_the_config_map_is_what_the_sidecar_looks_for() -> None:
    made = output(good_dashboard(folder="shop SLOs"))
    metadata = made.body["metadata"]
    assert made.ref[1:3] == ("ConfigMap", "monitoring")
    assert made.ref.name.startswith("binnacle-dash-shop-checkout-red-")
    assert metadata["labels"]["grafana_dashboard"] == "1"
    assert metadata["labels"][conventions.LABEL_NAMESPACE] == "shop"
    assert metadata["annotations"]["k8s-sidecar-target-directory"] == "shop SLOs"
    assert "ownerReferences" not in metadata, "there are none across namespaces"
    assert "app.kubernetes.io/instance" not in metadata["labels"]
    (name,) = made.body["data"]
    assert name == "shop.checkout-red.json"
    assert made.facts == {"size": len(text(good_dashboard()).encode())}
    assert made.marks == ()


def test_the_administrators_names_are_used() -> None:
    world = make_world(namespace="grafana", sidecarLabel="dashboards", folderAnnotation="grafana_folder")
    metadata = output(good_dashboard(), world).body["metadata"]
    assert (metadata["namespace"], metadata["labels"]["dashboards"]) == ("grafana", "1")
    assert metadata["annotations"]["grafana_folder"] == "shop"
    labels, annotations = GrafanaDashboards().metadata_keys(world.config)
    assert (labels, annotations) == ({"dashboards"}, {"grafana_folder"})
    assert [one.namespace for one in GrafanaDashboards().resources(world.config)] == ["grafana"]


def test_in_grafanas_own_namespace_kubernetes_collects_it() -> None:
    made = output(good_dashboard(namespace="monitoring"))
    assert made.ref.name == "binnacle-dash-checkout-red"
    assert made.body["metadata"]["ownerReferences"][0]["uid"] == "uid-1"


def test_names_of_two_dashboards_never_meet() -> None:
    refs, keys = set(), set()
    for namespace, name in (("a", "b-c"), ("a-b", "c"), ("a-b-c", "d"), ("a", "b-c-d")):
        made = output(good_dashboard(name, namespace))
        refs.add(made.ref)
        keys |= set(made.body["data"])
    assert len(refs) == len(keys) == 4


def test_files_lie_in_a_folder_of_their_own() -> None:
    body = good_dashboard(folder="shop SLOs")
    world = make_world()
    (made,) = GrafanaDashboards().files(compiled(body).intents, Owner(key_of(body)), world.config)
    assert made.path == "grafana/dashboards/shop_slos/shop.checkout-red.json"
    assert json.loads(made.text) == grafana(body)


def test_what_does_not_fit_an_object_is_refused() -> None:
    long = 'sum(rate(x_total{a="' + "y" * 4000 + '"}[$__rate_interval]))'
    queries = [{"name": f"q{number}", "promql": long} for number in range(8)]
    body = plain_dashboard(rows=[row(*(panel(f"p{number}", queries=queries) for number in range(30)))])
    with pytest.raises(SpecError) as caught:
        output(body)
    assert caught.value.reason == Reason.OUTPUT_TOO_LARGE
    assert str(conventions.OBJECT_BYTES) in caught.value.message


# Strings of users.

PAYLOADS = (
    '"}],"panels":[{"type":"text","title":"evil"}],"x":[{"',
    '\\"', "\\", '\\u0022,"id":1', "</script><script>alert(1)</script>", "${datasource}", "$__all", "[[region]]",
    "{{ .Values }}", "{{`x`}}", "%s %(x)s {0}", "a\tb", "a\nb: c\n---\nd: e", "'; drop table dashboard; --", "\u2028\u2029",
    "\ufeff", "\U0001f525 é ü", "e\u0301", "\u202e reversed", "null", "true", "1e999", "-0", "__inputs", "constructor", "__proto__", "\x7f",
    "\x00", "\x1b[31m", "*&!|>%@`", "#{system('id')}", "@include /etc/passwd", "a" * 60,
)  # fmt: skip


def strings(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from strings(value, (*path, index))
    elif isinstance(node, str):
        yield path, node


def replaced(body: dict[str, Any], path: tuple[Any, ...], value: str) -> dict[str, Any]:
    body = copy.deepcopy(body)
    node: Any = body["spec"]
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return body


def shape(node: Any) -> Any:
    """The structure of JSON: fields, lengths and types, without texts and without numbers."""
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [shape(value) for value in node]
    return str if isinstance(node, str) else int if isinstance(node, int | float) else node


SOURCE = every_panel()
PLACES = [path for path, _ in strings(SOURCE["spec"])]
SHORT = frozenset({"name", "color", "unit", "refresh", "from", "to", "type", "service", "uid", "value"})
"""Fields of a narrow shape, of which something else than their text may be written."""


@pytest.mark.parametrize("place", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_no_string_of_a_user_changes_the_structure(place: tuple[Any, ...]) -> None:
    """Each is refused, or leaves its item out, or stands in the JSON as text and nothing else changes."""
    good = shape(grafana(SOURCE))
    for payload in PAYLOADS:
        body = replaced(SOURCE, place, payload)
        try:
            Dashboard.model_validate(body)
        except ValidationError:
            continue
        outcome = compiled(body)
        if not outcome.intents or any(one.severity == "error" for one in outcome.findings):
            continue
        whole = grafana(body)
        assert shape(whole) == good, payload
        if place[-1] not in SHORT:
            assert payload in {one for _, one in strings(whole)}, payload


def test_titles_and_descriptions_are_kept_to_the_letter() -> None:
    kept = 0
    for payload in PAYLOADS:
        if len(payload) > 0 and not any(character < " " or character == "\x7f" for character in payload):
            body = plain_dashboard(description=payload, title=payload.strip() or "x")
            try:
                whole = grafana(body)
            except ValueError:
                continue
            assert whole["description"] == payload
            kept += 1
    assert kept >= 20
