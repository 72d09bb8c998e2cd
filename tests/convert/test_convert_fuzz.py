"""Hostile and broken import files: no crash, no hang, nothing passed over in silence, and what comes out compiles.

`BINNACLE_FUZZ_EXAMPLES=100000` runs the full count. One file takes 5 to 8 ms of processor time for all tools, the slowest of
the first 30,000 took 0.07 s.
"""

from __future__ import annotations

import copy
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from binnacle.api.findings import Severity
from binnacle.convert.run import TOOLS, run
from binnacle.folder.reader import read_any_text, read_text
from binnacle.targets.yamltext import document
from convert.corpus import DATA, FILES, OPTIONS, silent

EXAMPLES = int(os.environ.get("BINNACLE_FUZZ_EXAMPLES", "400"))
SHARDS = 4
SECONDS = 1.0
"""Of processor time that one file may take."""

TEXTS = {name: (DATA / name).read_text() for name in FILES}
JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        100,
        99.9,
        1e308,
        10**40,
        "",
        " ",
        "\n",
        "x",
        "0",
        "100",
        "99.9",
        "1e3",
        "NaN",
        "é" * 70,
    ),
    *(
        "sum(rate(x[{{.window}}]))",
        "rate(x[5m])",
        'x{a="b"}',
        "x{",
        "((((",
        "{{.window}}",
        "{{ $labels.x }}",
        "1w",
        "1M",
    ),
    *(
        "a" * 5000,
        "(" * 300,
        "x+" * 2100 + "x",
        "sum by (inf) (rate(x[{{.window}}]))",
        "\x00",
        "\ud7ff",
        "\u200b",
        "-",
        "slo",
    ),
    *([], {}, [None], [[]], [1, "a", {}], {"": ""}, {"a.b": {"c]": 1}}, {"name": "x"}, [{"name": "x"}] * 40),
    {f"label_{n}": "v" for n in range(50)},
)


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place in a document: its container and the key or index there."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            _places(value[key], found)
    return found


def _replace(documents: list[Any], rng: random.Random) -> None:
    container, key = rng.choice(_places(documents, []))
    container[key] = copy.deepcopy(rng.choice(JUNK))


def _remove(documents: list[Any], rng: random.Random) -> None:
    container, key = rng.choice(_places(documents, []))
    if container is not documents:
        del container[key]


def _rename(documents: list[Any], rng: random.Random) -> None:
    container, key = rng.choice(_places(documents, []))
    if isinstance(container, dict):
        container[rng.choice((f"{key}s", key.upper(), "x.y", "a[0]", " ", f"{key}\n"))] = container.pop(key)


def _swap(documents: list[Any], rng: random.Random) -> None:
    places = _places(documents, [])
    (one, key), (other, there) = rng.choice(places), rng.choice(places)
    one[key] = copy.deepcopy(other[there])


def _repeat(documents: list[Any], rng: random.Random) -> None:
    container, key = rng.choice(_places(documents, []))
    if isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))


CHANGES: tuple[Callable[[list[Any], random.Random], None], ...] = (_replace, _replace, _remove, _rename, _swap, _repeat)


def _broken(text: str, rng: random.Random) -> str:
    """Characters and lines of a text removed, doubled and replaced."""
    for _ in range(rng.randint(1, 4)):
        begin = rng.randrange(len(text) + 1)
        end = min(len(text), begin + rng.choice((0, 1, 1, 3, 40)))
        middle = rng.choice(("", text[begin:end] * 2, rng.choice("{}[]:-#&*!|>'\"%@`\t\n,\\"), "---\n", "{{.window}}"))
        text = text[:begin] + middle + text[end:]
    return text


def _example(seed: int) -> str:
    rng = random.Random(seed)
    text = TEXTS[rng.choice(sorted(TEXTS))]
    if rng.random() < 0.3:
        return _broken(text, rng)
    documents = list(yaml.load_all(text, yaml.CSafeLoader))
    for _ in range(rng.randint(1, 5)):
        rng.choice(CHANGES)(documents, rng)
        if not documents:
            break
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=10_000)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_import_crashes_hangs_or_is_silent(shard: int) -> None:
    for seed in range(shard, EXAMPLES, SHARDS):
        text = _example(seed)
        began = time.thread_time()
        reading = read_any_text(text)
        documents = [one.obj or None for one in reading.documents]
        for name, tool in TOOLS.items():
            outcome = run(tool, documents, OPTIONS)
            assert silent(documents, outcome) == [], f"seed {seed}, {name}"
            for number, body in outcome.resources.items():
                assert not any(e.finding.severity is Severity.ERROR for e in outcome.parts[number].entries), (
                    f"seed {seed}"
                )
                again = read_text(document(body))
                assert [one.obj["spec"] for one in again.documents] == [body["spec"]], f"seed {seed}"
                assert again.findings == (), f"seed {seed}"
            for part in outcome.parts:
                for entry in part.entries:
                    reading.documents[part.source].position(entry.finding.path)
        took = time.thread_time() - began
        assert took < SECONDS, f"seed {seed} took {took:.2f} s"
