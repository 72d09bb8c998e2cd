"""Calls of the webhook as the API server makes them, and the folder of its certificate as the kubelet keeps it."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers.certificates import Authority, KeyPair

Object = dict[str, Any]


class Mounted:
    """A Secret of type kubernetes.io/tls, mounted: its files are links through `..data`, which is moved as a whole."""

    def __init__(self, directory: Path, authority: Authority | None = None) -> None:
        self.directory = directory
        self.authority = authority or Authority("webhook-ca")
        directory.mkdir(parents=True)

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs to trust the authority."""
        return ssl.create_default_context(cadata=self.authority.certificate.decode())

    def issue(self) -> KeyPair:
        return self.authority.issue("webhook", hosts=("localhost", "127.0.0.1"), purpose="server")

    def rotate(self, pair: KeyPair | None = None) -> KeyPair:
        """Put another pair in place, at once."""
        pair = pair or self.issue()
        version = self.directory / f"..{uuid.uuid4().hex}"
        version.mkdir()
        (version / "tls.crt").write_bytes(pair.certificate)
        key = version / "tls.key"
        key.touch(mode=0o600)
        key.write_bytes(pair.key)
        fresh = self.directory / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.rename(self.directory / "..data")
        for name in ("tls.crt", "tls.key"):
            link = self.directory / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        return pair


def review(body: Mapping[str, Any] | None, before: Mapping[str, Any] | None = None, **request: Any) -> Object:
    """An AdmissionReview about an object of ours."""
    shown = body or before or {}
    group, _, version = str(shown.get("apiVersion", "")).rpartition("/")
    asked = {
        "uid": uuid.uuid4().hex,
        "kind": {"group": group, "version": version, "kind": shown.get("kind")},
        "operation": "CREATE" if before is None else "UPDATE",
        "namespace": shown.get("metadata", {}).get("namespace"),
        "name": shown.get("metadata", {}).get("name"),
        "object": body,
        "oldObject": before,
        "dryRun": False,
        **request,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


def encoded(asked: Mapping[str, Any]) -> bytes:
    return json.dumps(asked).encode()
