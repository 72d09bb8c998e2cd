r"""The default pack: classes of private text as data, in the order in which they are looked for.

Wider things first (a token within a URL is the URL's), numbers last. Every placeholder is letters within brackets, which
no later pattern finds. Boundaries are look-behinds of fixed length, and what a repeat repeats begins in one way only, so that
the time grows with the text and no faster. An `@` also hides as `\u0040` and `%40`.

Visa's old numbers of 13 digits are left out: they look like article numbers (EAN-13), and none is in use.

A phone number without `+` or `00` has a leading zero of its own. Of digits alone eleven count, the length of mobile numbers in
many countries: ten may be a book (ISBN-10) and twelve an article (UPC).

Sources: ISO/IEC 7812 (card prefixes, Luhn), ISO 13616 (IBAN), ITU-T E.164 and E.123, RFC 4291 and 5952 (IPv6), RFC 7519 (JWT),
RFC 6750 (bearer), and the key formats that AWS, Google, Azure, GitHub, GitLab, Slack and Stripe publish.
"""

from dataclasses import dataclass
from typing import Final

from binnacle.intent.pipeline import Pattern, PrivateKey

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Pack:
    """Patterns and keys that go together under one name."""

    patterns: tuple[Pattern, ...]
    keys: tuple[PrivateKey, ...]


_ESCAPED: Final = r"(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})"
"""After an escape within JSON text, whose letters belong to no word (`\\t4111...`)."""
_START: Final = rf"(?:(?<![0-9A-Za-z])|{_ESCAPED})"
_END: Final = r"(?![0-9A-Za-z])"
_NUMBER: Final = rf"(?:(?<![0-9A-Za-z_])(?<![0-9][.,-])|{_ESCAPED})"
"""Before a number that is not the rest of a longer one (`1.4111...`, `12-4111...`)."""
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_HEX: Final = r"[0-9A-Fa-f]{1,4}"
_IPV6: Final = (
    rf"(?:(?<![0-9A-Za-z:.])|{_ESCAPED})(?:"
    rf"(?:{_HEX}:){{7}}{_HEX}"
    rf"|(?:{_HEX}:){{6}}{_IPV4}"
    rf"|(?=[0-9A-Fa-f:]*[0-9])(?:{_HEX}(?::{_HEX}){{0,6}})?::(?:(?:{_HEX}:){{0,5}}{_IPV4}|{_HEX}(?::{_HEX}){{0,6}})"
    rf"|(?=[0-9A-Fa-f:]*[0-9]){_HEX}(?::{_HEX}){{0,6}}::"
    r")(?:%[0-9A-Za-z]{1,15})?(?![0-9A-Za-z:])"
)
_AT: Final = r"(?:@|%40|\\u0040|&#64;|&#x40;)"
_GIVEN_AWAY: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|client[_-]?secret|secret[_-]?access[_-]?key|api[_-]?key|account[_-]?key|"
    r"access[_-]?token|refresh[_-]?token|id[_-]?token|auth[_-]?token|session[_-]?token|private[_-]?key|sharedaccesskey)"
)
_SPACE: Final = "[ \u00a0]"
_HYPHEN: Final = "[ \u00a0-]"
_SLASH: Final = "[ \u00a0/-]"
_BETWEEN: Final = "[ \u00a0._-]{1,2}"
"""Between groups of a card's digits."""
_DIGITS4: Final = r"[0-9]{4}"
_CARD: Final = (
    r"(?:"
    rf"(?:4[0-9]{{3}}|5[1-5][0-9]{{2}}|2[2-7][0-9]{{2}}|6011|64[4-9][0-9]|65[0-9]{{2}}|62[0-9]{{2}}|35[2-8][0-9])"
    rf"(?:{_DIGITS4}{_DIGITS4}{_DIGITS4}(?:[0-9]{{3}})?|(?:{_BETWEEN}{_DIGITS4}){{3}}(?:(?:{_BETWEEN})?[0-9]{{3}})?)"
    rf"|3[47][0-9]{{2}}(?:[0-9]{{11}}|{_BETWEEN}[0-9]{{6}}{_BETWEEN}[0-9]{{5}})"
    rf"|3(?:0[0-5]|[689][0-9])[0-9](?:[0-9]{{10}}|{_BETWEEN}[0-9]{{6}}{_BETWEEN}[0-9]{{4}})"
    r")"
)
_NATIONAL: Final = (
    # Nine to thirteen digits altogether; the area has three or more with its zero, or it might be a day.
    "(?=\\(?(?:[0-9][ \u00a0/()-]{0,3}){9,13}(?![0-9]))"
    rf"(?:\(0[1-9][0-9]{{1,4}}\){_SLASH}{{0,2}}|0[1-9][0-9]{{1,4}}(?:{_SPACE}?[/-]{_SPACE}?|{_SPACE}))"
    rf"[0-9]{{2,9}}(?:-[0-9]{{1,5}}|{_SPACE}[0-9]{{2,5}}){{0,4}}"
    # Five pairs, and no more: rows of bytes have more.
    r"|(?<![0-9][ .-])0[1-9](?:[ .-][0-9]{2}){4}(?![ .-][0-9A-Fa-f]{2}(?![0-9A-Za-z]))"
    r"|(?<![/#])0[1-9][0-9]{9}"
)
"""Phone numbers as they are written within a country that dials a zero first."""

_PATTERNS: Final = (
    Pattern(
        "private-key",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
        "[PRIVATE-KEY]",
    ),
    Pattern("jwt", rf"{_START}eyJ[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]{{5,}}(?:\.[A-Za-z0-9_-]*)?", "[JWT]"),
    Pattern(
        "bearer",
        rf"(?i){_START}bearer(?:[ \t:+]|%20)+[A-Za-z0-9._~+/=-]{{6,}}",
        "[TOKEN]",
    ),
    Pattern("basic", r"(?i)(?<=authorization: |authorization:|authorization=)basic[ +][A-Za-z0-9+/=_-]{4,}", "[TOKEN]"),
    Pattern("aws-key", rf"{_START}(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z2-7]{{1}}[A-Z0-9]{{15}}{_END}", "[AWS-KEY]"),
    Pattern(
        "gcp-key",
        rf"{_START}(?:AIza[0-9A-Za-z_-]{{35}}|ya29\.[0-9A-Za-z_-]{{20,}}|GOCSPX-[0-9A-Za-z_-]{{20,}})",
        "[GCP-KEY]",
    ),
    Pattern(
        "azure-key",
        r"(?i:(?:accountkey|sharedaccesskey)=)[A-Za-z0-9+/]{40,}={0,2}"
        rf"|(?i:[?&]sig=)[A-Za-z0-9%+/=_-]{{20,}}|{_START}[A-Za-z0-9_~.]{{3}}[0-9]Q~[A-Za-z0-9_~.-]{{31,34}}"
        rf"|{_START}[A-Za-z0-9+/]{{76}}(?:\+ASt|AzCa|ACDb|AzFu|\+ABa|\+AMC|\+ARm)[A-Za-z0-9+/]{{5}}[AQgw]=?=?",
        "[AZURE-KEY]",
    ),
    Pattern(
        "token",
        rf"{_START}(?:gh[pousr]_[A-Za-z0-9]{{36,}}|github_pat_[A-Za-z0-9_]{{40,}}|glpat-[A-Za-z0-9_-]{{20,}}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{36})",
        "[TOKEN]",
    ),
    Pattern("url-password", r"(?<=://)[^\s/:@\[\]\"']{0,200}:[^\s/@\"']{1,200}@", "[CREDENTIALS]"),
    Pattern(
        "secret",
        rf"(?i)(?<![a-z]){_GIVEN_AWAY}(?:\\?[\"'])?[ \t]{{0,3}}(?:[:=]|=>|%3d)[ \t]{{0,3}}"
        r"(?:\\?\"[^\"\\]{1,500}|'[^']{1,500}|[^\s\"',;&\[\]{}()]{1,500})",
        "[SECRET]",
    ),
    Pattern(
        "email",
        r"(?<![\p{L}\p{N}._+~-])(?:[\p{L}\p{N}._+~-]|(?<=[\p{L}\p{N}])'(?=[\p{L}\p{N}]))++"
        rf"{_AT}"
        r"(?:[\p{L}\p{N}-]{1,63}\.){1,8}(?:\p{L}{2,63}|xn--[0-9A-Za-z-]{1,59})",
        "[EMAIL]",
    ),
    Pattern(
        "iban",
        rf"{_START}[A-Za-z]{{2}}[0-9]{{2}}"
        rf"(?:[A-Za-z0-9]{{11,30}}|(?:{_HYPHEN}[A-Za-z0-9]{{4}}){{2,7}}(?:{_HYPHEN}[A-Za-z0-9]{{1,3}})?){_END}",
        "[IBAN]",
        "iban",
    ),
    Pattern("card", rf"{_NUMBER}{_CARD}(?![0-9A-Za-z_])(?![.,][0-9]{{2}})", "[CARD]", "luhn"),
    Pattern(
        "phone",
        rf"(?:(?<![0-9A-Za-z+._-])|{_ESCAPED})(?:"
        r"\+[1-9][0-9]{6,14}"
        r"|\+[1-9][0-9]{0,2}[ .-]?\(?[0-9]{1,4}\)?[ ./-]?[0-9]{2,14}(?:[ ./-][0-9]{2,8}){0,4}"
        r"|00[1-9][0-9]{0,2}[ /-][0-9]{2,4}(?:[ /-][0-9]{2,8}){1,4}"
        r"|\([0-9]{3}\)[ -]?[0-9]{3}[ .-][0-9]{4}"
        r"|(?<!/)[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}"
        rf"|{_NATIONAL}"
        r")(?![0-9A-Za-z])(?![.:-][0-9])",
        "[PHONE]",
    ),
    Pattern("ipv6", _IPV6, "[IP]"),
    Pattern("ipv4", rf"(?:(?<![0-9A-Za-z_.-])|{_ESCAPED}){_IPV4}(?![0-9A-Za-z_-])(?!\.[0-9])", "[IP]"),
)

_KEYS: Final = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "clientSecret",
    "secretAccessKey",
    "awsSecretAccessKey",
    "apiKey",
    "xApiKey",
    "accountKey",
    "accessToken",
    "refreshToken",
    "idToken",
    "authToken",
    "sessionToken",
    "token",
    "authorization",
    "proxyAuthorization",
    "cookie",
    "setCookie",
    "privateKey",
    "creditCard",
    "cardNumber",
    "cvv",
    "cvc",
    "iban",
    "ssn",
    "phone",
    "phoneNumber",
    "mobileNumber",
    "telephone",
    "msisdn",
)

PACKS: Final = {DEFAULT: Pack(_PATTERNS, tuple(PrivateKey((key,)) for key in _KEYS))}
"""Packs by the names that a redact stage gives."""
