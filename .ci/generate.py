"""Writes the generated files of the repository, or with --check says which are stale.

Each row of `GENERATED` names a folder, the files in it that are generated, and the function that gives their text.
Nothing here knows what is in them: that is said in the package; and in the tests, for the record of what resource definitions
have taken, which grows here and refuses to shrink.
"""

import difflib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from api.crd_baseline import NarrowedError, current, grown, recorded
from binnacle.api.config_reference import render_configuration
from binnacle.api.crd import render_crds
from binnacle.api.kind_reference import render_kind_pages
from binnacle.api.reasons import render_reasons
from binnacle.cli.pictures import pictures_in
from binnacle.cluster.installing import shipped_manifests

ROOT = Path(__file__).resolve().parent.parent


def texts_in(folder: Path) -> dict[str, str]:
    """Return the YAML files of a folder by their names without the end."""
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}


# folder, pattern of the files there that are ours to remove, name → text
GENERATED: tuple[tuple[str, str, Callable[[], dict[str, str]]], ...] = (
    ("crds", "*.yaml", render_crds),
    ("manifests", "*.yaml", shipped_manifests),
    ("docs", "reasons.md", lambda: {"reasons.md": render_reasons()}),
    ("docs", "configuration.md", lambda: {"configuration.md": render_configuration()}),
    ("docs/reference", "*.md", lambda: render_kind_pages(texts_in(ROOT / "examples" / "minimal"))),
    ("docs/pictures", "*.svg", lambda: pictures_in(ROOT / "examples" / "quickstart")),
    # The last, since it can refuse.
    ("tests/data/crds-baseline/v1alpha1", "*.yaml", lambda: grown(recorded(), current())),
)


def changes() -> Iterator[tuple[Path, str | None]]:
    """Files whose text differs from what is generated now; None as text: no longer generated."""
    for folder, pattern, render in GENERATED:
        wanted = render()
        for path in sorted((ROOT / folder).glob(pattern)):
            if path.name not in wanted:
                yield path, None
        for name, text in wanted.items():
            path = ROOT / folder / name
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                yield path, text


def main() -> int:
    """Write, or with --check print what would change and fail."""
    check = "--check" in sys.argv[1:]
    try:
        return write_or_compare(check)
    except NarrowedError as error:
        sys.stdout.write(f"{error}\n")
        return 1


def write_or_compare(check: bool) -> int:
    """Write what has changed, or with `check` print it; return the exit status."""
    stale = False
    for path, text in changes():
        stale = True
        name = path.relative_to(ROOT).as_posix()
        if check:
            old = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
            new = (text or "").splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(old, new, f"{name} (in the tree)", f"{name} (generated)", n=1))
        elif text is None:
            path.unlink()
            sys.stdout.write(f"removed {name}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    if check and stale:
        sys.stdout.write("\nGenerated files are stale: run `make generate` and commit the result.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
