"""The figures in `docs/performance.md`: each part between its own markers is written anew, the words around it stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure, markdown
from bench.ground import REPOSITORY
from bench.profile import Profile

PAGE = REPOSITORY / "docs" / "performance.md"
_SHOWN = 30


def plain(machine: Mapping[str, Any], profile: Profile | None) -> str:
    """Return the machine, and the profile where there is one, as lines for the terminal."""
    text = "machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "\n"
    if profile is not None:
        text += f"\nwhere the operator's time goes, of {profile.samples:,} samples\n"
        text += "".join(f"{share:7.1%}  {name}\n" for name, share in profile.layers)
        text += "\nwith what they call\n"
        text += "".join(f"{share:7.1%}  {name}\n" for name, share in profile.functions[:_SHOWN])
    return text


def write(page: Path, machine: Mapping[str, Any], figures: Sequence[Figure], profile: Profile | None) -> None:
    """Replace the generated parts of the page that were measured in this run.

    Raises:
        ValueError: the page has no place for one of them.
    """
    text = page.read_text()
    for name in dict.fromkeys(one.benchmark for one in figures):
        text = replace(text, name, markdown([one for one in figures if one.benchmark == name]) + _line(machine))
    if profile is not None:
        text = replace(text, "profile", _profile(profile) + _line(machine))
    page.write_text(text)


def replace(text: str, name: str, part: str) -> str:
    """Return the page with the part between the markers of ``name`` replaced."""
    begin, end = f"<!-- bench:{name} -->\n", f"<!-- /bench:{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{name} has no place in the page: put {begin.strip()} and {end} into it")
    return f"{before}{begin}\n{part}\n{end}{after}"


def _line(machine: Mapping[str, Any]) -> str:
    return "\n*" + ", ".join(f"{name} {value}" for name, value in machine.items()) + "*\n"


def _profile(profile: Profile) -> str:
    lines = ["| whose code | share |", "|---|---:|", *(f"| {name} | {share:.0%} |" for name, share in profile.layers)]
    return "\n".join(lines) + "\n"
