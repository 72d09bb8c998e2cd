"""Dashboards of SLOs: one of all, one that shows any of them, and one of a single SLO that asks for it."""

from binnacle.compile.slo.boards.own import own_board
from binnacle.compile.slo.boards.shared import of_alert, shared_boards

__all__ = ["of_alert", "own_board", "shared_boards"]
