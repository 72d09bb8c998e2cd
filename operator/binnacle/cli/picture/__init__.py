"""A dashboard as a picture, drawn from its JSON: what people will see, before there is a Grafana or any data."""

from binnacle.cli.picture.draw import draw

__all__ = ["draw"]
