"""Hostile PromQL: refused without a crash, and what is let through never ends the process.

Each case runs in a process of its own on a thread with the documented stack, because a parser that overflows its stack
takes the process with it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from binnacle.promql import PromQLError, parse, to_text
from binnacle.promql.fences import MAX_BYTES, MAX_NESTING, STACK_BYTES
from binnacle.promql.nodes import Node
from promql.test_promql_laws import CORPUS
from servers.pace import effort
from servers.waiting import PATIENCE

OPERATOR = Path(__file__).parents[2] / "operator"
ON_A_THREAD = """
import sys, threading
from binnacle.promql import PromQLError, parse, to_text
from binnacle.promql.fences import STACK_BYTES

def work(text):
    try:
        tree = parse(text)
        assert parse(to_text(tree)) == tree
        print("parsed")
    except PromQLError as error:
        print(error.reason, error.column)

threading.stack_size(STACK_BYTES)
for text in sys.stdin.read().split("\\0"):
    thread = threading.Thread(target=work, args=(text,))
    thread.start()
    thread.join()
"""


def run(*texts: str) -> list[str]:
    """What became of each text, in one process; a crash fails the test."""
    ended = subprocess.run(
        [sys.executable, "-c", ON_A_THREAD],
        input="\0".join(texts),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return ended.stdout.splitlines()


HOSTILE = {
    "20,000 (": "(" * 20_000,
    "20,000 balanced ()": "(" * 20_000 + "x" + ")" * 20_000,
    "20 kB of x+x": "+".join("x" * 10_000),
    "4 kB of x+x": "+".join("x" * 2_000),
    "10,000 -": "-" * 10_000 + "x",
    "4,000 -": "-" * 4_000 + "x",
    "4,000 {": "x" + "{" * 4_000,
    "4,000 [": "x" + "[" * 4_000,
    "1,000 calls": "abs(" * 1_000 + "x" + ")" * 1_000,
    "1,000 sums": "sum(" * 1_000 + "x" + ")" * 1_000,
    "800 words": " or ".join("x" * 800),
    "800 words in capitals": " OR ".join("x" * 800),
    "operators behind a string": '"\\\\" ' + "+x" * 1_000,
    "operators in raw string's shadow": "`\\` " + "+x" * 1_000,
    "operators behind a comment": "x #\n" + "+x" * 1_000,
    "a megabyte": "x" * 1_000_000,
    "wide characters": "é" * 3_000,
}


def test_hostile_texts_are_refused_and_the_process_lives() -> None:
    answers = run(*HOSTILE.values())
    assert [answer.split()[0] for answer in answers] == ["PromQLTooLarge"] * len(HOSTILE), dict(
        zip(HOSTILE, answers, strict=True)
    )


WORST = {
    "brackets": "(" * (MAX_NESTING // 2) + "x" + ")" * (MAX_NESTING // 2),
    "open brackets": "(" * MAX_NESTING,
    "operators": "+".join("x" * (MAX_NESTING + 1)),
    "powers": "^".join("x" * (MAX_NESTING + 1)),
    "words": " or ".join("x" * (MAX_NESTING + 1)),
    "minuses": "-" * MAX_NESTING + "x",
    "minuses before a number": "-" * MAX_NESTING + "1",
    "calls": "abs(" * (MAX_NESTING // 2) + "x" + ")" * (MAX_NESTING // 2),
    "sums": "sum(" * (MAX_NESTING // 2) + "x" + ")" * (MAX_NESTING // 2),
    "subqueries": "x" + "[1h:]" * (MAX_NESTING // 2),
    "averages of subqueries": "avg_over_time(" * 100 + "x" + "[1h:])" * 100,
    "mixture": "-(" * 130 + "x" + ")" * 130,
    "powers and minuses": "x^-" * 199 + "x",
    "open braces": "x{" * (MAX_NESTING // 2),
    "matchers": "x{" + ",".join(f'a{n}="b"' for n in range(390)) + "}",
    "labels": "sum by (" + ",".join(f"a{n}" for n in range(700)) + ") (x)",
    "arguments": "label_join(" + ",".join(["x"] * 1_900) + ")",
    "string": '"' + "(" * (MAX_BYTES - 2) + '"',
    "regex": 'x{a=~"' + "(" * 2_000 + ")" * 2_000 + '"}',
    "regex repetitions": 'x{a=~"' + "(" * 200 + "a" + "{9})" * 200 + '"}',
    "operators that touch numbers": "1atan2 " * 500 + "1",
    "number": "1" * MAX_BYTES,
    "name": "x" * MAX_BYTES,
}


def test_the_worst_that_is_let_through_is_answered() -> None:
    answers = run(*WORST.values())
    assert len(answers) == len(WORST)


@pytest.mark.parametrize("depth", [10, 60])
def test_ordinary_nesting_is_no_matter(depth: int) -> None:
    text = "abs(" * depth + "x" + ")" * depth
    assert to_text(parse(text)) == text


def test_a_chain_that_people_do_write_is_no_matter() -> None:
    text = " or ".join(f"x{n}" for n in range(100))
    assert to_text(parse(text)) == text


def test_a_stack_that_is_almost_used_up_is_an_error_and_no_crash() -> None:
    def descend(left: int) -> Node | PromQLError:
        if left:
            return descend(left - 1)
        return _answer("+".join("x" * 120), variables=False)

    # Whichever side of the limit it falls on, what comes back is a tree or our own error.
    for used in range(100, 900, 50):
        try:
            answer = descend(used)
        except RecursionError:
            assert used > 700
        else:
            assert not isinstance(answer, PromQLError) or answer.reason == "PromQLTooLarge"


def _mutations(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    alphabet = "()[]{}\"'`\\,;:=!~+-*/%^<>@$#. \n\t0159abmsxyé\u2028\x00" + chr(0x1F600)
    pieces = [
        "offset",
        "by",
        "on",
        "bool",
        "sum",
        "rate(",
        "[5m]",
        "[5m:1m]",
        "@ 1",
        '{a=~"',
        "group_left",
        "Inf",
        "1e",
        "0x",
        "$window",
        "\\xff",
    ]
    texts = []
    for _ in range(count):
        if chance.random() < 0.2:
            texts.append("".join(chance.choices(alphabet, k=chance.randrange(40))))
            continue
        text = chance.choice(CORPUS)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(text) + 1)
            match chance.randrange(4):
                case 0:
                    text = text[:at] + text[at + chance.randrange(1, 6) :]
                case 1:
                    text = text[:at] + chance.choice(alphabet) + text[at:]
                case 2:
                    text = text[:at] + chance.choice(pieces) + text[at:]
                case _:
                    other = chance.choice(CORPUS)
                    text = text[:at] + other[chance.randrange(len(other)) :]
        texts.append(text)
    return texts


def _answer(text: str, *, variables: bool) -> Node | PromQLError:
    try:
        return parse(text, variables=variables)
    except PromQLError as error:
        return error


def test_whatever_the_text_only_our_error_comes_out() -> None:
    count = int(os.environ.get("BINNACLE_FUZZ_EXAMPLES", "5000"))
    seed = int(os.environ.get("BINNACLE_SEED", "1"))
    slowest = 0.0
    for number, text in enumerate(_mutations(seed, count)):
        started = time.process_time()
        answer = _answer(text, variables=number % 2 == 0)
        if isinstance(answer, PromQLError):
            assert answer.message
            assert answer.column is None or 1 <= answer.column <= len(text) + 1, (text, answer.column)
        else:
            assert parse(to_text(answer), variables=True) == answer, text
        slowest = max(slowest, time.process_time() - started)
    assert slowest < effort(1.0)


def test_the_stack_that_is_asked_for_is_the_one_that_was_tried() -> None:
    assert STACK_BYTES == 8 * 1024 * 1024
