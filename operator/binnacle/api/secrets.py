"""References to secrets: named, never read.

A backend finds the value in the file `<secretsRoot>/<namespace>/<name>/<key>`; the namespace is always the resource's own.
Some write the secret itself where its name or its key belongs: what does not fit there is repeated nowhere.
"""

from typing import Annotated

from pydantic import Field

from binnacle.api.model import Model
from binnacle.api.values import Shape

SecretName = Annotated[
    str,
    Shape(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "the name of a Secret: lower-case letters, digits, and - or . between them",
        253,
        private=True,
    ),
]
# Kubernetes also allows the keys `.` and `..x`; as parts of a path they are refused here.
SecretKey = Annotated[
    str,
    Shape(
        "^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        "the key of a Secret: letters, digits, -, _ and ., not beginning with a dot",
        253,
        private=True,
    ),
]


class SecretKeyRef(Model):
    """One key of a Secret in the resource's own namespace."""

    name: Annotated[SecretName, Field(description="Name of the Secret.")]
    key: Annotated[SecretKey, Field(description="Key in the Secret's data.")]


class SecretValue(Model):
    """A value that comes from a Secret: `{secretRef: {name: slack, key: url}}`."""

    secret_ref: Annotated[SecretKeyRef, Field(description="Where the value is.")]
