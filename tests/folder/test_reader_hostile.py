"""Hostile files: each is read in a process of its own, which must end by itself, soon, and with findings."""

import io
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.reasons import Reason
from binnacle.folder.compose import Limits
from binnacle.folder.reader import read, read_text
from servers.waiting import PATIENCE

EXAMPLES = int(os.environ.get("BINNACLE_FUZZ_EXAMPLES", "150"))
SHRUNK = min(EXAMPLES, 2000)
"""Examples that hypothesis draws: many times as slowly as they are read, but what it finds it makes small."""
OPERATOR = Path(__file__).resolve().parents[2] / "operator"

HEAD = "apiVersion: binnacle.dev/v1alpha1\nkind: SLO\nmetadata: {name: a}\nspec:\n"
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGES = "a0: &a0 {k0: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}\n" for n in range(1, 40))

HOSTILE = {
    "dashes": "- " * 10_000,
    "brackets": "[" * 100_000,
    "braces": "{a: " * 100_000,
    "json lists": "[" * 100_000 + "]" * 100_000,
    "json maps": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "question marks": "? " * 20_000,
    "indentation": "".join(" " * n + f"a{n}:\n" for n in range(1_500)),
    "billion laughs": LAUGHS,
    "merged laughs": MERGES,
    "many small laughs": "---\n".join("".join(LAUGHS.splitlines(keepends=True)[:5]) for _ in range(2_000)),
    "blank lines": "\n" * 3_000_000,
    "spaces": " " * 3_000_000,
    "markers": "---\n" * 700_000,
    "documents": "--- a\n" * 100_000,
    "comments": "#\n" * 1_000_000,
    "one key": "a" * 2_000_000 + ": 1",
    "anchors": "".join(f"- &a{n} 1\n" for n in range(50_000)),
    "same keys": HEAD + "  a: 1\n" * 200_000,
    "number": HEAD + "  a: " + "9" * 2_000_000,
    "json number": '{"apiVersion": "binnacle.dev/v1", "kind": "SLO", "a": ' + "9" * 2_000_000 + "}",
    "tags": HEAD + "  a: !!python/object/apply:os._exit [3]\n",
    "quotes": "'" * 1_000_000,
    "percent": "%" * 500_000 + "\n---\n",
    "percents": "%\n" * 1_000_000 + "---\n",
    "nul": HEAD + "  a: \0\n",
    "escapes": 'a: "' + "\\x41" * 500_000 + '"',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_process_survives_and_answers_soon(name: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.yaml").write_text(HOSTILE[name])
    (tmp_path / "zz-good.yaml").write_text(HEAD.replace("name: a", "name: good"))
    script = textwrap.dedent(
        """
        import resource, sys
        # Real stack exhaustion would end the process; memory is bounded so that a bomb shows.
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        from binnacle.folder.reader import read
        reading = read([sys.argv[1]])
        print(reading.documents[-1].key.name, len(reading.findings))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("good ")


def test_depth_is_limited_in_both_syntaxes() -> None:
    limits = Limits(depth=10)
    for text in ("[" * 11 + "]" * 11, "- " * 11 + "a", '{"a":' * 11 + "1" + "}" * 11):
        assert read_text(text, limits=limits).findings[0].finding.reason is Reason.YAML_TOO_DEEP
    for text in ("[" * 10 + "]" * 10, "- " * 10 + "a", '{"a":' * 10 + "1" + "}" * 10):
        assert read_text(text, limits=limits).findings[0].finding.reason is Reason.NOT_A_RESOURCE


def test_an_alias_does_not_get_around_the_depth() -> None:
    text = "a: &a [[[[1]]]]\nb: [[[[[[*a]]]]]]\n"
    assert read_text(text, limits=Limits(depth=10)).findings[0].finding.reason is Reason.YAML_TOO_DEEP
    assert read_text(text, limits=Limits(depth=11)).findings[0].finding.reason is Reason.NOT_A_RESOURCE


def test_many_small_expansions_count_as_one_large() -> None:
    text = "---\n".join(["a: &a [1, 2, 3]\nb: [*a, *a]\n"] * 20)
    found = read_text(text, limits=Limits(expanded_nodes=100)).findings
    (note,) = [item.finding for item in found if item.finding.reason is Reason.NOT_A_RESOURCE]
    assert "the first of 12 documents" in note.message
    assert [item.finding.reason for item in found if item.finding is not note] == [Reason.YAML_TOO_LARGE] * 8


def test_problems_are_listed_up_to_a_limit_and_an_error_is_never_lost() -> None:
    spec = "".join(f"  a{n}: on\n" for n in range(500)) + "  a0: x\n"
    reading = read_text(HEAD + spec)
    assert reading.documents == ()
    assert len(reading.findings) == Limits().problems + 1
    assert reading.findings[-1].finding.reason is Reason.DUPLICATE_FIELD


PIECES = (
    *"{}[],:-?&*!|>'\"%@`#\n\t ~.0\0\ufeff\x85\u2028😀",
    *("---\n", "...\n", "- ", ": ", "<<: ", "&a ", "*a", "!!str ", "a: ", "on", "\r\n", "%YAML 1.1\n"),
    *(HEAD, "kind: List\nitems:\n", "\x1b[31m"),
)


def gives_documents_and_findings_inside_it(text: str) -> None:
    reading = read_text(text.encode("utf-8", "replace").decode())
    last = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2
    for item in reading.findings:
        assert item.line is not None
        assert 1 <= item.line <= last
        assert item.column is not None
        assert item.column >= 1
    for document in reading.documents:
        assert document.obj["apiVersion"].startswith("binnacle.dev/")
        assert 1 <= document.position("spec.a.b", 3).line <= last


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40).map("".join))
@settings(max_examples=SHRUNK * 4, deadline=None)
def test_any_text_gives_documents_and_findings_inside_it(text: str) -> None:
    gives_documents_and_findings_inside_it(text)


def test_any_plainly_random_text_gives_documents_and_findings_inside_it() -> None:
    for seed in range(EXAMPLES):
        plain = random.Random(seed)
        pieces = [plain.choice(PIECES) if plain.random() < 0.8 else chr(plain.randrange(0xD800)) for _ in range(40)]
        gives_documents_and_findings_inside_it("".join(pieces[: plain.randint(0, 40)]))


@given(st.binary(max_size=200))
@settings(max_examples=SHRUNK, deadline=None)
def test_any_bytes_give_findings(data: bytes) -> None:
    read(["-"], stdin=io.BytesIO(data))


def test_any_plainly_random_bytes_give_findings() -> None:
    for seed in range(EXAMPLES):
        plain = random.Random(seed)
        read(["-"], stdin=io.BytesIO(plain.randbytes(plain.randint(0, 200))))
