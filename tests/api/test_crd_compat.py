"""Releases stay compatible: whatever an older CRD took, the current one takes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from api.crd_baseline import NarrowedError, bare, current, grown, recorded
from api.crd_compat import compare_crds
from binnacle.api.cel import exactly_one
from binnacle.api.crd import crd_manifest
from binnacle.api.registry import KINDS


def test_the_current_definitions_take_what_has_been_taken_and_the_record_has_all_that_they_take() -> None:
    record = recorded()
    assert grown(record, current()) == record, "fields are not in the record yet: run `make generate`"


def test_every_kind_is_in_the_record() -> None:
    assert {yaml.safe_load(text)["spec"]["names"]["kind"] for text in recorded().values()} == set(KINDS)


def test_the_record_grows_with_what_is_added_and_refuses_what_is_taken_away() -> None:
    definitions = current()
    record = grown({}, definitions)
    slo = next(name for name in definitions if name.endswith("_slos.yaml"))
    more = copy.deepcopy(definitions)
    spec(more[slo])["properties"]["notYet"] = {"type": "string", "maxLength": 9, "description": "new"}
    later = grown(record, more)
    assert {name for name in record if later[name] != record[name]} == {slo}
    with pytest.raises(NarrowedError, match=rf"{slo}: .spec.notYet: gone"):
        grown(later, definitions)
    del definitions[slo]
    with pytest.raises(NarrowedError, match=rf"{slo}: the kind is gone"):
        grown(record, definitions)


def test_the_record_leaves_out_descriptions_but_not_fields_of_that_name() -> None:
    node = {"description": "words", "properties": {"description": {"type": "string", "description": "words"}}}
    assert bare(node) == {"properties": {"description": {"type": "string"}}}


def at(*steps: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The schema node at a path below spec."""

    def find(crd: dict[str, Any]) -> dict[str, Any]:
        node = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for step in steps:
            node = node["items"] if step == "[]" else node["properties"][step]
        return node

    return find


Change = Callable[[dict[str, Any]], object]
spec, service, objective = at(), at("service"), at("objective")
burn_rates, burn_rate = at("alerting", "burnRates"), at("alerting", "burnRates", "[]")

NARROWINGS: list[tuple[str, Change, str]] = [
    ("field removed", lambda crd: spec(crd)["properties"].pop("owner"), ".spec.owner: gone"),
    ("item field removed", lambda crd: burn_rate(crd)["properties"].pop("short"), ".spec.alerting.burnRates[].short: gone"),
    ("newly required", lambda crd: spec(crd)["required"].append("owner"), ".spec.owner: now required"),
    ("item newly required", lambda crd: burn_rate(crd)["required"].append("for"), "burnRates[].for: now required"),
    ("enum narrowed", lambda crd: at("mode")(crd)["enum"].remove("DryRun"), ".spec.mode: no longer one of the choices: DryRun"),
    ("enum added", lambda crd: service(crd).update(enum=["a"]), ".spec.service: no longer one of the choices"),
    ("pattern changed", lambda crd: service(crd).update(pattern="^x$"), ".spec.service: pattern changed"),
    ("pattern added", lambda crd: at("description")(crd).update(pattern="^x$"), ".spec.description: pattern changed"),
    ("shorter", lambda crd: service(crd).update(maxLength=1), ".spec.service: maxLength narrowed"),
    ("longer at least", lambda crd: service(crd).update(minLength=9), ".spec.service: minLength narrowed"),
    ("fewer items", lambda crd: burn_rates(crd).update(maxItems=1), "burnRates: maxItems narrowed"),
    ("more items at least", lambda crd: burn_rates(crd).update(minItems=2), "burnRates: minItems narrowed"),
    ("fewer keys", lambda crd: at("labels")(crd).update(maxProperties=1), ".spec.labels: maxProperties narrowed"),
    ("new lower bound", lambda crd: service(crd).update(minimum=1), ".spec.service: minimum narrowed"),
    ("type changed", lambda crd: objective(crd).update(type="integer"), ".spec.objective: type changed from string to integer"),
    ("list type changed", lambda crd: burn_rates(crd).update({"x-kubernetes-list-type": "atomic"}), "x-kubernetes-list-type changed"),
    ("list key changed", lambda crd: burn_rates(crd).update({"x-kubernetes-list-map-keys": ["long"]}), "x-kubernetes-list-map-keys changed"),
    ("map values narrowed", lambda crd: at("labels")(crd)["additionalProperties"].update(maxLength=1), ".spec.labels{}: maxLength narrowed"),
    ("default changed", lambda crd: at("suspend")(crd).update(default=True), ".spec.suspend: default changed"),
    ("new rule", lambda crd: spec(crd)["x-kubernetes-validations"].append({"rule": "false", "message": "no"}), ".spec: a new rule: false"),
    ("rule on a known field", lambda crd: spec(crd)["x-kubernetes-validations"].append({"rule": "!has(self.owner) || false", "message": "no"}), ".spec: a new rule: !has"),
    (
        "another choice of known fields",
        lambda crd: at("indicator")(crd)["x-kubernetes-validations"].append({"rule": exactly_one(["ratio", "latency"]), "message": "no"}),
        ".spec.indicator: a new rule: [has(self.ratio)",
    ),
    ("column removed", lambda crd: crd["spec"]["versions"][0]["additionalPrinterColumns"].pop(0), "the column Service is gone"),
    ("version removed", lambda crd: crd["spec"]["versions"].pop(), "version v1alpha1 is no longer served"),
    ("version not served", lambda crd: crd["spec"]["versions"][0].update(served=False), "version v1alpha1 is no longer served"),
    ("status removed", lambda crd: crd["spec"]["versions"][0]["subresources"].pop("status"), "lost its status subresource"),
    ("scope changed", lambda crd: crd["spec"].update(scope="Cluster"), "scope changed from Namespaced to Cluster"),
    ("short name removed", lambda crd: crd["spec"]["names"]["shortNames"].clear(), "names.shortNames: slo is gone"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "found"), [row[1:] for row in NARROWINGS], ids=[row[0] for row in NARROWINGS])
def test_each_kind_of_narrowing_is_found(change: Change, found: str) -> None:
    old = crd_manifest("SLO")
    new = copy.deepcopy(old)
    change(new)
    (problem,) = compare_crds(old, new)
    assert found in problem


def one_more(schema: dict[str, Any]) -> None:
    """A choice of exactly one gets a new member."""
    names = list(schema["properties"])
    schema["properties"]["other"] = {"type": "string", "description": "new"}
    for rule in schema["x-kubernetes-validations"]:
        rule["rule"] = rule["rule"].replace(exactly_one(names), exactly_one([*names, "other"]))


def one_instead(schema: dict[str, Any]) -> None:
    """A required field becomes one of two."""
    schema["required"].remove("name")
    schema["properties"]["other"] = {"type": "string"}
    schema["x-kubernetes-validations"] = [{"rule": exactly_one(["name", "other"]), "message": "one"}]


def new_and_ruled(schema: dict[str, Any]) -> None:
    """A new field that needs another."""
    schema["properties"]["other"] = {"type": "string"}
    schema["x-kubernetes-validations"].append({"rule": "!has(self.other) || has(self.owner)", "message": "both"})


@pytest.mark.parametrize(
    "change",
    [
        lambda crd: spec(crd)["properties"].update(notYet={"type": "string", "maxLength": 9, "description": "new"}),
        lambda crd: spec(crd)["required"].remove("service"),
        lambda crd: one_more(at("indicator")(crd)),
        lambda crd: one_instead(at("dependsOn", "[]")(crd)),
        lambda crd: new_and_ruled(spec(crd)),
        lambda crd: at("mode")(crd)["enum"].append("Preview"),
        lambda crd: at("mode")(crd).pop("enum"),
        lambda crd: service(crd).pop("pattern"),
        lambda crd: service(crd).update(maxLength=9999),
        lambda crd: burn_rates(crd).pop("maxItems"),
        lambda crd: spec(crd)["x-kubernetes-validations"].pop(),
        lambda crd: service(crd).update(description="other words"),
        lambda crd: crd["spec"]["versions"].append({"name": "v1beta1", "served": True, "storage": False}),
    ],
)  # fmt: skip
def test_what_widens_is_compatible(change: Change) -> None:
    old = crd_manifest("SLO")
    at("window")(old).update(required=["rolling"])
    new = copy.deepcopy(old)
    change(new)
    assert compare_crds(old, new) == []
