"""Pictures of dashboards that were compiled."""

from datetime import UTC, datetime
from pathlib import Path

from binnacle.cli.compiling import compile_paths
from binnacle.cli.picture import draw
from binnacle.control.desired import Desired
from binnacle.errors import BinnacleError
from binnacle.intent.dashboard import Board
from binnacle.targets.grafana.board import text_of


def picture_of(desired: Desired) -> str | None:
    """Return the picture of a resource's dashboard as SVG; None where nothing comes of it, or no dashboard."""
    return next((draw(text_of(board)) for board in _boards(desired)), None)


def has_board(desired: Desired) -> bool:
    """Say whether a resource has a dashboard."""
    return bool(_boards(desired))


def _boards(desired: Desired) -> list[Board]:
    if desired.compiled is None or not desired.valid:
        return []
    return [intent for intent in desired.compiled.intents if isinstance(intent, Board)]


def pictures_in(folder: Path) -> dict[str, str]:
    """Return the pictures of all dashboards in a folder: `<namespace>.<name>.svg` → text. The same on every day."""
    done = compile_paths([str(folder)], None, datetime(2026, 1, 1, tzinfo=UTC))
    pictures = {}
    for key, desired in sorted(done.outcome.desired.items()):
        picture = picture_of(desired)
        if picture is not None:
            pictures[f"{key.namespace}.{key.name}.svg"] = picture
    return pictures


def write_picture(path: Path, picture: str) -> None:
    """Write a picture into the file that the user named.

    Raises:
        BinnacleError: it cannot be written.
    """
    try:
        path.write_text(picture, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BinnacleError(f"{path} cannot be written: {error.strerror or error}") from error
