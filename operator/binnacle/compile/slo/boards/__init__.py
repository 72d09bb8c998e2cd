"""Dashboards of SLOs: one of all, one that shows any of them, and one of a single SLO that asks for it."""

from binnacle.compile.slo.boards.own import own_board
from binnacle.compile.slo.boards.shared import shared_boards, shown_at

__all__ = ["own_board", "shared_boards", "shown_at"]
