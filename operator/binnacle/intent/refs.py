"""Identity: which resource, which object."""

from typing import NamedTuple


class Key(NamedTuple):
    """Identity of one of our resources. Kind + namespace + name, nothing else."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class ObjectRef(NamedTuple):
    """Identity of an object that we write: `api_version` as in the object (`v1`, `monitoring.coreos.com/v1`)."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
