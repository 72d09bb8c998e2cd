"""Runs tests of real servers once more, alone, when a few of them failed beside others: `python -m servers.again`.

On a machine that two workers and their servers keep busy such a test can fail for want of time, and a defect that shows itself
once in a thousand runs looks the same. So a failure that does not come back is no reason to refuse a change that has nothing to
do with it, and every reason to look: it is named in the last lines. A test without a server, or many at once, gets no second run.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from servers.skips import UNEXPECTED

WITH_SERVERS: Final = tuple(f"tests/{folder}/" for folder in ("cluster", "harness", "kind", "stack"))
"""Where the tests are that talk to servers and start processes."""
MOST: Final = 3
"""As many may fail; more is no bad moment."""
_CACHE: Final = Path(".pytest_cache/v")


def refused(failed: Iterable[str], skipped: Iterable[str] = ()) -> str:
    """Say why tests get no second run; nothing where they get one.

    Args:
        failed: pytest's names of what failed.
        skipped: those of what was skipped and should not have been.
    """
    names = sorted(failed)
    if unexpected := sorted(skipped):
        return f"it would not mend what was skipped: {', '.join(unexpected)}"
    if not names:
        return "no test has failed"
    if len(names) > MOST:
        return f"{len(names)} tests failed, which is more than {MOST}"
    alone = [name for name in names if not name.startswith(WITH_SERVERS) or "::" not in name]
    return f"it has no server to blame: {', '.join(alone)}" if alone else ""


def main() -> int:
    """Run again what failed in the last run; return the exit status."""
    failed, skipped = _kept("cache/lastfailed"), _kept(UNEXPECTED)
    if why := refused(failed, skipped):
        print(f"again: no second run: {why}")
        return 1
    print(f"again: running alone: {', '.join(failed)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "pytest", "-n", "0", *failed], check=False).returncode
    if status == 0:
        print("UNSTEADY: failed beside other tests, and passed alone. Find out why (the first failure is above):")
        print(*(f"  {name}" for name in failed), sep="\n")
    return status


def _kept(name: str) -> list[str]:
    path = _CACHE / name
    return sorted(json.loads(path.read_text())) if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
