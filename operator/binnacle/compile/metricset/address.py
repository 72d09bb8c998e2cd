"""Which addresses a probe may ask: a prober stands in the administrator's network, and a team chooses the URL.

Only what is written in the URL is looked at. A name of a team's own may resolve to anything, which only a network policy around
the prober can see; that is why redirects are not followed either.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_API_SERVER: Final = frozenset({"kubernetes", "kubernetes.default", "kubernetes.default.svc"})
_METADATA: Final = frozenset({"metadata", "metadata.google.internal", "instance-data"})
_LOOPBACK: Final = frozenset({"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"})
_PRIVATE: Final = (".local", ".internal", ".svc", ".lan", ".home.arpa", ".intranet", ".corp", ".private")
_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")
_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a translator (RFC 6052)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def problem(url: str, *, private_allowed: bool) -> str | None:
    """Return why a probe may not ask `url`, as the end of a sentence that begins with the host; None when it may."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no host with a port from 1 to 65535"
    if port == 0 or not host:
        return "is no host with a port from 1 to 65535"
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return _of_address(ipaddress.ip_address(host), private_allowed=private_allowed)
        except ValueError:
            return "looks like an address, but is none that is spelled in full"
    if _NAME.fullmatch(host) is None:
        return "is no host name"
    return _of_name(host, private_allowed=private_allowed)


def _of_address(address: Address, *, private_allowed: bool) -> str | None:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "names an interface of the prober's machine"
        inner = _inner(address)
        if inner is not None:
            return _of_address(inner, private_allowed=private_allowed)
    if address.is_loopback or address.is_unspecified:
        return "is the prober's own machine"
    if address.is_link_local:
        return "is a link-local address"
    if address.is_multicast or (address.is_reserved and not address.is_private) or int(address) == 0xFFFFFFFF:
        return "is no address of one machine"
    return "is a private address" if not address.is_global and not private_allowed else None


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, where it stands for one."""
    if address in _TRANSLATED or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _of_name(host: str, *, private_allowed: bool) -> str | None:
    name = host.lower()
    if name in _LOOPBACK or name.endswith(".localhost"):
        return "is the prober's own machine"
    if name in _METADATA:
        return "is the address of the machine's metadata"
    if name in _API_SERVER or name.startswith("kubernetes.default.svc."):
        return "is the API server"
    if ("." not in name or name.endswith(_PRIVATE) or ".svc." in name) and not private_allowed:
        return "is a name inside a private network"
    return None
