"""Writing: generated files into the folder that the user named, and nowhere else."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from binnacle.errors import BinnacleError


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts below a folder, which is made when it does not exist; other files in it are not touched.

    Args:
        folder: where to.
        files: relative path with `/` → text.

    Raises:
        BinnacleError: a file cannot be written, or its name would lead out of the folder.
    """
    for name, text in files.items():
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
            raise BinnacleError(f"{name} is not a file name below {folder}")
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise BinnacleError(f"{path} cannot be written: {error.strerror or error}") from error
