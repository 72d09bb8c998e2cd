"""Watches that leave out a field which the server has stored, for as long as they like: few writes, and the truth at the end.

So it is while one API server of several is behind the others with a new schema. A proxy leaves the field out here, and has
answers come after the watch has told of what they answer.
"""

import time
import uuid
from collections.abc import Iterator

import pytest
from aiohttp import web

from cluster.operator_world import Object, World, Worlds, condition, slo, slo_path
from servers import sufferings
from servers.faults import Asked, Exchange, Faulty
from servers.http import fetch
from servers.waiting import eventually

POKES = 20


@pytest.fixture(scope="module")
def running(worlds: Worlds, proxy: Faulty) -> Iterator[World]:
    with worlds("operator", server=proxy.url) as made:
        yield made


def of_slos(asked: Asked) -> bool:
    return asked.resource == "slos" and (asked.verb in ("list", "watch") or asked.subresource == "status")


async def behind(exchange: Exchange) -> web.StreamResponse:
    if exchange.asked.verb == "patch":
        return await sufferings.late(0.2)(exchange)
    return await sufferings.without("suspend")(exchange)


def suspended(obj: Object | None) -> bool:
    return condition(obj or {}, "Ready").get("reason") == "Suspended"


def test_a_watch_that_leaves_a_field_out_is_not_believed_each_time(running: World, proxy: Faulty) -> None:
    w, place = running, running.namespace(f"test-{uuid.uuid4().hex[:8]}")
    w.made(place, "one")
    path = slo_path(place, "one")
    with proxy.suffering(of_slos, behind):
        eventually(lambda: proxy.hits["watch"], what="a watch that is behind")
        w.watching()
        mark, began = w.mark(), time.monotonic()
        w.apply(slo(place, "one", suspend=True))
        w.api.wait(path, suspended)
        told = f"{w.operator.url}/debug/key?kind=SLO&namespace={place}&name=one"
        eventually(lambda: "told in two ways" in fetch(told).body.decode(), what="a word of it")
        for number in range(POKES):
            # Each is told by the watch without the field.
            w.api.merge(path, {"metadata": {"labels": {"poke": str(number)}}})
        written = [(one.name, one.subresource) for one in w.writes(mark, namespace=place)]
        took = time.monotonic() - began
        asked = next(count for count in range(99) if 2.0**count - 1 > took)
        assert {("one", "status")} == set(written)
        assert len(written) <= 1 + asked, f"in {took:.0f} s"
        assert suspended(w.api.get(path))
    # The watch tells of it once more, with all that there is, and nobody has anything to say against it.
    w.api.merge(path, {"metadata": {"labels": {"poke": "last"}}})
    eventually(lambda: "told in two ways" not in fetch(told).body.decode(), what="its end")
    w.made(place, "one", objective="99%")
    assert w.writes(w.mark(), namespace=place) == []
