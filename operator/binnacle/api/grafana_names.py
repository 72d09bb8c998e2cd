"""Names in Grafana that people give: titles and folders."""

from typing import Annotated

from binnacle.api.values import Shape

Title = Annotated[
    str,
    Shape(
        r"^[^\x00-\x20\x7F]([^\x00-\x1F\x7F]*[^\x00-\x20\x7F])?$",
        "text in one line, without spaces before and behind it",
        128,
    ),
]
"""A heading."""

Folder = Annotated[
    str,
    Shape(
        "^[A-Za-z0-9_-]([A-Za-z0-9 _-]*[A-Za-z0-9_-])?$",
        "letters, digits, spaces, _ and -, without spaces before and behind them",
        64,
    ),
]
"""A folder of Grafana. Grafana makes no folder within a folder from files, so there is no / in it."""
