"""PromQL as a tree: parse, build, rewrite, print, and facts about an expression.

Nothing in Binnacle puts PromQL text together; text comes in through `parse`, goes out through `to_text`, and is a value
of `nodes` in between. The law of the package: `parse(to_text(tree)) == tree`.
"""

from binnacle.promql.errors import PromQLError
from binnacle.promql.nodes import Node
from binnacle.promql.parse import parse
from binnacle.promql.printer import to_text

__all__ = ["Node", "PromQLError", "parse", "to_text"]
