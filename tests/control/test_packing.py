"""Texts are held small, and read as they were."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from binnacle.control.cache import Cache, Change, compact
from binnacle.control.packing import Packing
from control.memory_world import thing

SENTENCES = st.sampled_from((b'"reason":"Applied"', b'"status":"True",' * 30, b"\x00" * 5000, b"{}", b'{"spec":' * 100))
TEXTS = st.lists(st.lists(SENTENCES | st.binary(max_size=400), max_size=20).map(b"".join), max_size=20)


@given(TEXTS)
def test_what_was_packed_reads_as_it_was_whatever_is_packed_later(texts: list[bytes]) -> None:
    packing = Packing()
    packed = []
    for text in texts:
        packed.append(packing.pack(text))
        assert [packing.unpack(one) for one in packed] == texts[: len(packed)]


def test_texts_that_are_alike_take_an_eighth_and_those_that_say_nothing_do_not_prevent_it() -> None:
    packing = Packing()
    texts = [
        compact(
            {"conditions": [{"message": f"{n} objects applied, said of {t}.", "type": t} for t in "abcdefghijklmnop"]}
        )
        for n in range(50)
    ]
    for _ in range(10_000):
        packing.pack(b"{}")
    packed = [packing.pack(text) for text in texts]
    assert sum(map(len, packed)) < sum(map(len, texts)) / 8
    assert [packing.unpack(one) for one in packed] == texts


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=600), st.text(max_size=600)), max_size=12))
def test_the_cache_holds_of_each_resource_what_was_told_last(told: list[tuple[str, str, str]]) -> None:
    cache, last = Cache(), dict[str, dict[str, Any]]()
    for number, (name, spec, status) in enumerate(told, 1):
        before = last.get(name)
        same = before is not None and before["spec"]["text"] == spec
        generation = before["metadata"]["generation"] + (not same) if before is not None else 1
        body = thing(name, text=spec) | {"status": {"said": status}}
        body["metadata"] |= {"uid": name, "resourceVersion": str(number), "generation": generation}
        key, change = cache.put_resource(body)
        if before is None:
            assert change is Change.APPEARED
        elif not same:
            assert change is Change.SPEC
        else:
            assert change is (Change.NOTHING if before["status"] == body["status"] else Change.STATUS)
        last[name] = body
        assert cache.put_resource(body) == (key, Change.NOTHING)
        for known, resource in cache.resources.items():
            was = last[known.name]
            assert (resource.document()["spec"], resource.live_status()) == (was["spec"], was["status"])
