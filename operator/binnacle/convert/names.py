"""Names: what other tools allow as a name, made into what Kubernetes and Prometheus take here."""

import hashlib
import re
from typing import Final

from binnacle.api.values import DNS_LABEL_PATTERN

DNS_LABEL: Final = re.compile(f"(?=.{{1,63}}\\Z){DNS_LABEL_PATTERN[1:-1]}")
"""A DNS label of Kubernetes, to be matched in full."""

_LONGEST: Final = 63
_LONGEST_TOKEN: Final = 128
_NOT_DNS: Final = re.compile(r"[^a-z0-9]+")
_NOT_TOKEN: Final = re.compile(r"[^A-Za-z0-9._/-]+")
_HASH: Final = 8


def dns_label(*parts: str) -> str:
    """Return one DNS label from names: lower case, anything else a dash, cut before a hash where it is too long.

    A part that the one before it begins is not repeated: `checkout`, `checkout-availability` is `checkout-availability`.
    Where nothing is left the label is `slo-` and a hash.
    """
    slugs: list[str] = []
    for part in parts:
        slug = _NOT_DNS.sub("-", part.lower()).strip("-")
        if slugs and slug.startswith(f"{slugs[-1]}-"):
            slugs.pop()
        if slug:
            slugs.append(slug)
    label = "-".join(slugs)
    if label and len(label) <= _LONGEST:
        return label
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:_HASH]
    return f"{label[: _LONGEST - _HASH - 1].strip('-') or 'slo'}-{digest}"


def token(text: str) -> str:
    """Return a name as a label's value: letters, digits, and . _ / - between them; empty where none of it can stay."""
    return _NOT_TOKEN.sub("-", text).strip("._/-")[:_LONGEST_TOKEN].strip("._/-")
