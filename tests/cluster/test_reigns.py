"""The judge of the tests with two replicas sees what it is to see."""

import datetime as dt
from collections.abc import Sequence

import pytest

from cluster.reigns import reigns, strays
from servers.audit import WriteRecord

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def request(
    who: str, at: float, *, done: float | None = None, code: int = 200, lease: tuple[str, int] | None = None
) -> WriteRecord:
    spec = None if lease is None else {"holderIdentity": lease[0], "leaseTransitions": lease[1]}
    return WriteRecord(
        verb="update" if lease else "patch",
        user="replicas",
        group="coordination.k8s.io" if lease else "binnacle.dev",
        resource="leases" if lease else "slos",
        subresource="",
        namespace="home",
        name="x",
        code=code,
        at=NOON + dt.timedelta(seconds=at),
        done=NOON + dt.timedelta(seconds=at + 0.01 if done is None else done),
        credential=who,
        lease=spec,
    )


LEASE = [
    request("a", 0, lease=("a", 1)),
    request("a", 2, lease=("a", 1)),
    request("b", 3, lease=("b", 2), code=409),
    request("a", 4, lease=("", 1)),
    request("b", 5, lease=("b", 2)),
    request("a", 20, lease=("a", 3)),
]


def test_reigns_are_read_off_the_writes_of_the_lease() -> None:
    first, second, third = reigns(LEASE, "home")
    assert [(one.credential, one.epoch) for one in (first, second, third)] == [("a", 1), ("b", 2), ("a", 3)]
    assert (first.released, first.renewed, first.ends) == (True, LEASE[1].at, LEASE[3].at)
    assert (second.released, second.renewed, second.ends) == (False, LEASE[4].at, LEASE[5].at)
    assert third.ends is None
    assert reigns(LEASE, "elsewhere") == []


@pytest.mark.parametrize("wrong", [[("b", 1)], [("b", 2), ("a", 1)]])
def test_an_epoch_never_comes_twice(wrong: Sequence[tuple[str, int]]) -> None:
    records = [LEASE[0], *(request(who, 9 + at, lease=(who, epoch)) for at, (who, epoch) in enumerate(wrong))]
    with pytest.raises(AssertionError, match="the epoch went"):
        reigns(records, "home")


@pytest.mark.parametrize(
    ("write", "stray"),
    [
        (request("a", 0.5), False),
        (request("a", 3.99, done=3.995), False),
        (request("b", 5.5), False),
        (request("a", 25), False),
        # Before it held the Lease, after it gave it back, and while another one had it.
        (request("b", 4.5), True),
        (request("a", 4.5), True),
        (request("a", 6), True),
        (request("c", 1), True),
        # Asked in time, and answered when another one wrote already; refused ones tell of a writer too.
        (request("b", 19.9, done=20.1), True),
        (request("a", 6, code=409), True),
    ],
)
def test_a_write_outside_its_writers_reigns_is_a_stray(write: WriteRecord, stray: bool) -> None:
    assert strays([write], reigns(LEASE, "home")) == ([write] if stray else [])
