"""Until when a certificate is good: one field of X.509, read from its DER text.

The standard library tells it of certificates that others show, not of one's own. RFC 5280 section 4.1 is the source: a
certificate is a sequence that begins with a sequence of version (tagged 0, may be absent), serial number, algorithm, issuer and
validity, which is a sequence of two times.
"""

import ssl
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime and GeneralizedTime. The first has two digits of the year: 50 and above are of the last century."""
_END: Final = "-----END CERTIFICATE-----"


def not_after(chain: str) -> float:
    """Return when the first certificate of a PEM chain ends, in seconds since 1970.

    Raises:
        ValueError: it is no certificate.
    """
    start = chain.find("-----BEGIN CERTIFICATE-----")
    end = chain.find(_END, start)
    if start < 0 or end < 0:
        raise ValueError("no certificate")
    body = _content(ssl.PEM_cert_to_DER_cert(chain[start : end + len(_END)]), _SEQUENCE)
    fields = _content(body, _SEQUENCE)
    if fields[:1] == bytes([_VERSION]):
        fields = _after(fields)
    for _ in ("serial number", "algorithm", "issuer"):
        fields = _after(fields)
    until = _after(_content(fields, _SEQUENCE))
    if not until or until[0] not in _TIMES:
        raise ValueError("no time where the validity ends")
    text = _content(until, until[0]).decode("ascii")
    when = datetime.strptime(text, _TIMES[until[0]]).replace(tzinfo=UTC)
    if until[0] == 0x17 and when.year >= 2050:  # Python takes 50 to 68 for this century
        when = when.replace(year=when.year - 100)
    return when.timestamp()


def _content(data: bytes, tag: int) -> bytes:
    """Return what is in the element that `data` begins with."""
    if data[:1] != bytes([tag]):
        raise ValueError("another element was expected")
    start, end = _bounds(data)
    return data[start:end]


def _after(data: bytes) -> bytes:
    """Return what comes after the element that `data` begins with."""
    return data[_bounds(data)[1] :]


def _bounds(data: bytes) -> tuple[int, int]:
    """Return where the content of the first element begins and ends."""
    if len(data) < 2:
        raise ValueError("it ends too early")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if start + size > len(data):
        raise ValueError("it ends too early")
    return start, start + size
