"""What a real API server says of objects of ours, asked without storing them."""

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from servers.cluster import Cluster


def refusals(
    cluster: Cluster, namespace: str, objects: Iterable[Mapping[str, Any]], kind: str = "SLO"
) -> dict[str, str]:
    """What the server says of each object that it refuses, by name; nothing is stored."""
    items = []
    for one in objects:
        item = copy.deepcopy(dict(one))
        item["metadata"] |= {"namespace": namespace}
        items.append(item)
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    said = cluster.kubectl("create", "--dry-run=server", "--validate=ignore", "-f", "-", input=document, check=False)
    # kubectl words it in one way for the only object of a call and in another for one of several.
    _, *parts = re.split(rf'^(?:The {kind}|.*?{kind}\.binnacle\.dev) "', said.stderr, flags=re.MULTILINE)
    found = {name: text for name, _, text in (part.partition('"') for part in parts)}
    taken = re.findall(rf"^{kind.lower()}\.binnacle\.dev/(\S+) created", said.stdout, flags=re.MULTILINE)
    assert len(taken) + len(found) == len(items), said.stderr
    return found
