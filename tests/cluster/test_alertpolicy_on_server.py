"""The AlertPolicy's CRD on a real API server: good ones are taken, bad ones refused at their field, in words."""

import copy
import json

import pytest

from api.alertpolicy_cases import BAD, good_policy
from api.slo_cases import Case
from cluster.admission import refusals
from servers.cluster import Cluster


def bad_object(case: Case) -> dict[str, object]:
    obj = copy.deepcopy(good_policy(case.name))
    for change in case.changes:
        change(obj)
    return obj


@pytest.fixture(scope="module")
def said(cluster: Cluster, crds_applied: tuple[str, ...]) -> dict[str, str]:
    """What the server says of every bad policy, asked in one go."""
    return refusals(cluster, "default", [bad_object(one) for one in BAD], "AlertPolicy")


@pytest.mark.usefixtures("crds_applied")
def test_the_policy_of_the_documentation_is_taken(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-f", "-", input=json.dumps(good_policy(namespace=namespace)))
    columns = cluster.kubectl("get", "ap", "-n", namespace).stdout
    assert columns.split()[:5] == ["NAME", "RULES", "TESTS", "READY", "AGE"]


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_a_bad_policy_is_refused_in_words(bad: Case, said: dict[str, str]) -> None:
    assert bad.server in said[bad.name]
