"""The models of resources that others were compiled against lately, so that each of a namespace does not parse them anew."""

import json
from collections import OrderedDict
from typing import Any, Final

from binnacle.control.desired import Parse

LIMIT: Final = 64
"""How many are kept: resources are compiled a namespace after the other at a start, and few at a time later."""


class Models:
    """Parses resources, and remembers the last ones by their text: nothing that changed is ever given as it was."""

    def __init__(self, parse: Parse):
        self._parse = parse
        self._known: OrderedDict[bytes, Any | None] = OrderedDict()

    def of(self, text: bytes) -> Any | None:
        """Return the model of a resource, or None when it cannot be read.

        Args:
            text: the resource as canonical JSON, as the cache has it.
        """
        if text in self._known:
            self._known.move_to_end(text)
            return self._known[text]
        model, _ = self._parse(json.loads(text))
        self._known[text] = model
        if len(self._known) > LIMIT:
            self._known.popitem(last=False)
        return model
