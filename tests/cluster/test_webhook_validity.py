"""Until when a certificate is good, as the library that made it says."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.cluster.webhook.validity import not_after

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webhook" * 9)])
FIRST, LAST = (int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (1951, 2200))


def certificate(until: datetime) -> str:
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=1))
        .not_valid_after(until)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@settings(deadline=None, max_examples=50)
@given(seconds=st.integers(FIRST, LAST))
def test_it_ends_when_the_library_says(seconds: int) -> None:
    """The form of a time changes in 2050, and the years of the short one begin in 1950."""
    until = datetime.fromtimestamp(seconds, UTC)
    text = certificate(until)
    assert not_after(text) == until.timestamp()
    # A chain begins with the webhook's own; what people write around it does not count.
    later = certificate(until + timedelta(days=1))
    assert not_after(f"Subject: webhook\n{text}{later}") == until.timestamp()


@settings(deadline=None, max_examples=200)
@given(cut=st.integers(0, 400), changed=st.tuples(st.integers(0, 399), st.integers(0, 255)))
def test_what_is_no_certificate_is_a_value_error_and_nothing_else(cut: int, changed: tuple[int, int]) -> None:
    lines = certificate(datetime(2030, 1, 1, tzinfo=UTC)).splitlines()
    body = bytearray(base64.b64decode("".join(lines[1:-1])))
    body[changed[0] % len(body)] = changed[1]
    text = base64.b64encode(body[:cut] if cut < 400 else body).decode()
    with contextlib.suppress(ValueError):
        not_after(f"{lines[0]}\n{text}\n{lines[-1]}")


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"]
)
def test_what_is_not_even_pem_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"certificate|too early|element"):
        not_after(text)
