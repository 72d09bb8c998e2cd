"""Who might write when, read off the audit log: the reigns of a Lease, and the writes that lie outside their writer's.

A replica is known by its token, whose identifier the API server puts into the log. The writes of the Lease are in the same
log, with what was written into it, so all times are those of one clock.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.audit import WriteRecord


@dataclass(frozen=True, slots=True)
class Reign:
    """One holder's time with the Lease.

    Attributes:
        credential: of the holder.
        epoch: `leaseTransitions` of its Lease.
        begins: when its request for the Lease arrived.
        renewed: when its last accepted request for the Lease arrived.
        ends: when the request arrived by which it gave the Lease back, or another one took it; None while it holds it.
        released: whether it gave it back.
    """

    credential: str
    epoch: int
    begins: dt.datetime
    renewed: dt.datetime
    ends: dt.datetime | None = None
    released: bool = False

    def covers(self, write: WriteRecord) -> bool:
        """Whether a write came and was answered within this reign."""
        return self.begins <= write.at and (self.ends is None or write.done < self.ends)


def credential_of(kubeconfig: Path) -> str:
    """How the audit log calls the token of a kubeconfig."""
    token = json.loads(kubeconfig.read_text())["users"][0]["user"]["token"]
    claims = token.split(".")[1]
    return f"JTI={json.loads(base64.urlsafe_b64decode(claims + '=' * (-len(claims) % 4)))['jti']}"


def reigns(records: Iterable[WriteRecord], namespace: str) -> list[Reign]:
    """The reigns of the Lease of a namespace, in order.

    A write of the Lease names the version that it replaces, so the accepted ones never overlap: they are in the order in
    which they were answered.
    """
    found: list[Reign] = []
    for one in records:
        if one.resource != "leases" or one.namespace != namespace or not one.ok or one.lease is None:
            continue
        last = found[-1] if found else None
        holder, epoch = one.lease.get("holderIdentity") or "", int(one.lease.get("leaseTransitions", 0))
        if not holder:
            assert last is not None, "a Lease that nobody held was given back"
            assert one.credential == last.credential, "somebody gave back another one's Lease"
            found[-1] = Reign(last.credential, last.epoch, last.begins, last.renewed, one.at, released=True)
        elif last is not None and last.ends is None and (last.credential, last.epoch) == (one.credential, epoch):
            found[-1] = Reign(last.credential, last.epoch, last.begins, one.at)
        else:
            if last is not None:
                assert epoch > last.epoch, f"the epoch went from {last.epoch} to {epoch}"
                if last.ends is None:
                    found[-1] = Reign(last.credential, last.epoch, last.begins, last.renewed, one.at)
            found.append(Reign(one.credential, epoch, one.at, one.at))
    return found


def strays(writes: Iterable[WriteRecord], held: Sequence[Reign]) -> list[WriteRecord]:
    """The writes that no reign of their writer covers: by their time of arrival, or of their answer."""
    return [
        one for one in writes if not any(reign.credential == one.credential and reign.covers(one) for reign in held)
    ]
