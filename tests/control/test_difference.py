"""What applying would change: nothing where what is live is what is wanted, and exactly what differs elsewhere."""

import copy
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.control.cache import object_ref, owner_of, resource_key
from binnacle.control.difference import (
    Action,
    Change,
    Live,
    affected,
    as_written,
    object_changes,
    resource_change,
    standing_changes,
    taken,
    unknown_objects,
)
from binnacle.control.onepass import Pass, run
from binnacle.control.toolchain import shipped
from binnacle.folder.reader import read
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
TODAY = date(2026, 3, 1)
TOOLS = shipped(Config.from_data({"prometheus": {"output": "operator"}}))
SLO = Key("SLO", "shop", "checkout")
POLICY = Key("AlertPolicy", "shop", "payments")
DASHBOARD = Key("Dashboard", "shop", "checkout")
RULES = ObjectRef(conventions.MONITORING_API, "PrometheusRule", "shop", "binnacle-slo-checkout")

Body = dict[str, Any]
Edit = Callable[[Body], None]


def bodies(edit: Edit | None = None, key: Key = SLO) -> list[Body]:
    """The quickstart, one resource of it edited."""
    found = [dict(one.obj) for one in read([str(QUICKSTART)]).documents]
    for body in found:
        if edit is not None and resource_key(body) == key:
            edit(body["spec"])
    return found


def passed(edit: Edit | None = None, key: Key = SLO) -> Pass:
    return run(TOOLS, bodies(edit, key), TODAY)


def applied(outcome: Pass) -> dict[ObjectRef, Body]:
    """The objects of a pass as an API server gives them back."""
    live = {}
    for output in outcome.objects:
        body = copy.deepcopy(dict(output.body))
        labels = {f"f:{name}": {} for name in body["metadata"]["labels"]}
        body["metadata"] |= {
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"apiVersion": conventions.API_VERSION, "kind": "SLO", "name": "x", "uid": "y"}],
            "managedFields": [
                {"manager": "binnacle", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": labels}}}
            ],
        }
        body["metadata"]["labels"]["team"] = "somebody-elses"
        body["status"] = {}
        live[output.ref] = body
    return live


def changes(
    live: Mapping[ObjectRef, Body], after: Pass, keys: list[Key] | None = None, unseen: frozenset[Any] = frozenset()
) -> list[Change]:
    return list(object_changes(TOOLS, Live({}, live, unseen), after, keys or list(after.desired)))


def stricter(spec: Body) -> None:
    spec["objective"] = "99.95%"


def test_what_is_live_as_it_is_wanted_is_no_difference_whatever_server_and_others_added() -> None:
    after = passed()
    assert changes(applied(after), after) == []


def test_in_an_empty_cluster_everything_is_created_shares_too() -> None:
    found = changes({}, passed())
    assert {change.action for change in found} == {Action.CREATE}
    assert {change.before for change in found} == {""}
    shares = {change.ref.name for change in found if change.share}
    assert shares == {"binnacle-default-alertmanager", "binnacle-default-fluentd"}
    assert RULES in {change.ref for change in found}


def test_a_changed_objective_changes_its_rules_and_nothing_else() -> None:
    (change,) = changes(applied(passed()), passed(stricter))
    assert (change.action, change.ref, change.owner, change.share) == (Action.UPDATE, RULES, SLO, False)
    gone, come = set(change.before.splitlines()), set(change.after.splitlines())
    assert any("0.0005" in line for line in come - gone)
    assert not [line for line in gone ^ come if conventions.ANNOTATION_HASH in line or "somebody" in line]


def test_a_changed_route_is_shown_as_the_share_of_its_policy() -> None:
    def rename(spec: Body) -> None:
        spec["receivers"][0]["slack"]["channel"] = "#other"

    live = applied(passed())
    (change,) = [one for one in changes(live, passed(rename, POLICY)) if one.share]
    assert (change.action, change.owner, change.ref.name) == (Action.UPDATE, POLICY, "binnacle-default-alertmanager")
    assert "#other" in change.after
    assert "#other" not in change.before


def test_an_object_that_is_not_wanted_any_more_is_deleted_and_a_copy_of_it_is_not() -> None:
    live = applied(passed())
    after = run(TOOLS, [one for one in bodies() if resource_key(one) != SLO] + bodies_without_rules(), TODAY)
    copied = copy.deepcopy(live[RULES])
    copied["metadata"]["name"] = "copy"
    del copied["metadata"]["managedFields"]
    live[object_ref(copied)] = copied
    stale = copy.deepcopy(live[RULES])
    stale["metadata"]["name"] = "binnacle-slo-checkout-old"
    live[object_ref(stale)] = stale
    deleted = [change.ref.name for change in changes(live, after, [SLO]) if change.action is Action.DELETE]
    assert deleted == ["binnacle-slo-checkout-old"]


def bodies_without_rules() -> list[Body]:
    return [one for one in bodies() if resource_key(one) == SLO]


@pytest.mark.parametrize("field", [{"suspend": True}, {"mode": "DryRun"}, {"objective": "nonsense"}])
def test_of_a_resource_of_which_nothing_is_applied_all_stays(field: Body) -> None:
    def left(spec: Body) -> None:
        stricter(spec)
        spec |= field

    assert changes(applied(passed()), passed(left), [SLO]) == []


def test_what_is_somebody_elses_is_told_and_not_compared() -> None:
    after = passed()
    live = applied(after)
    foreign: Body = {
        "apiVersion": RULES.api_version,
        "kind": RULES.kind,
        "metadata": {"name": RULES.name, "namespace": RULES.namespace, "uid": "z"},
        "spec": {},
    }
    live[RULES] = foreign
    assert owner_of(foreign) is None
    assert changes(live, after, [SLO]) == []
    assert list(taken(Live({}, live), after, SLO)) == [RULES]
    del live[RULES]
    assert unknown_objects(TOOLS, Live({}, live), after, [SLO]) == [RULES]


def test_of_what_could_not_be_read_nothing_is_said() -> None:
    unseen = frozenset({(RULES.api_version, RULES.kind, RULES.namespace)})
    assert [one.ref for one in changes({}, passed(), [SLO], unseen)] == []
    assert unknown_objects(TOOLS, Live({}, {}, unseen), passed(), [SLO]) == []


def test_those_who_read_what_changes_are_affected_and_nobody_else() -> None:
    def rename(spec: Body) -> None:
        spec["title"] = "Other"

    assert affected(passed(), passed(stricter), {SLO}) == ()
    without = run(TOOLS, [one for one in bodies() if resource_key(one) != SLO], TODAY)
    # The dashboard links the SLO.
    assert affected(without, passed(), {SLO}) == (DASHBOARD,)
    assert affected(passed(), passed(rename, DASHBOARD), {DASHBOARD}) == ()


def test_a_resource_is_compared_by_what_is_written_of_it() -> None:
    (wanted,) = [one for one in bodies() if resource_key(one) == SLO]
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "u", "generation": 3, "managedFields": [], "annotations": {}}
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    live["status"] = {"sli": "99.9%"}
    live["spec"] = dict(sorted(live["spec"].items(), reverse=True))
    assert resource_change(SLO, live, wanted) is None
    assert as_written(live) == wanted

    wanted["spec"]["objective"] = "99.5%"
    change = resource_change(SLO, live, wanted)
    assert change is not None
    assert change.action is Action.UPDATE
    differing = set(change.before.splitlines()) ^ set(change.after.splitlines())
    assert differing == {"  objective: 99.9%", "  objective: 99.5%"}
    created = resource_change(SLO, None, wanted)
    assert created is not None
    assert (created.action, created.before) == (Action.CREATE, "")


BOARDS = shipped(
    Config.from_data({"prometheus": {"output": "operator"}, "grafana": {"url": "https://grafana.example"}})
)


def standing(live: Mapping[ObjectRef, Body], keys: list[Key], unseen: frozenset[Any] = frozenset()) -> list[Change]:
    return list(standing_changes(BOARDS, Live({}, live, unseen), run(BOARDS, bodies(), TODAY), keys))


def test_what_stands_for_all_resources_of_a_kind_is_compared_with_those_of_the_kind() -> None:
    after = run(BOARDS, bodies(), TODAY)
    live = applied(after)
    made = standing({}, [SLO, POLICY])
    assert [(one.action, one.owner, one.share) for one in made] == [(Action.CREATE, Key("SLO", "", ""), False)] * 2
    refs = [one.ref for one in made]
    assert set(refs) <= set(unknown_objects(BOARDS, Live({}, {}), after, [SLO]))
    assert standing({}, [POLICY]) == []
    assert standing(live, [SLO]) == []
    assert standing({}, [SLO], frozenset((ref[:3]) for ref in refs)) == []
    (name,) = live[refs[0]]["data"]
    live[refs[0]]["data"][name] = "{}"
    live[refs[1]]["metadata"]["labels"] = {}
    assert [(one.action, one.ref) for one in standing(live, [SLO])] == [(Action.UPDATE, refs[0])]
