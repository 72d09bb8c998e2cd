"""A labelled corpus of private text, and a clean one that looks like it; both made from a seed."""

import base64
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

ALNUM = string.ascii_letters + string.digits
BASE64 = ALNUM + "+/"


@dataclass(frozen=True, slots=True)
class Private:
    """A record and what in it is private.

    Attributes:
        kind: class of the secret.
        record: as it comes from a container, or parsed.
        secrets: texts of which none may be in what comes out; bytes where they are not UTF-8.
    """

    kind: str
    record: dict[str, Any]
    secret: str


def _chars(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def email(rng: random.Random) -> str:
    name = rng.choice(["anna", "j.smith", "li+shop", "o'brien", "max_m", "x", "müller", "a.b-c", "99red"])
    host = rng.choice(
        ["example.com", "mail.shop.example", "b.de", "sub.sub.corp.co.uk", "xn--bcher-kva.ch", "büro.example"]
    )
    return f"{name}{rng.randrange(1000)}@{host}"


def luhn(rng: random.Random, prefix: str, length: int) -> str:
    body = prefix + _chars(rng, string.digits, length - len(prefix) - 1)
    total = sum(sum(divmod(int(d) * 2, 10)) if at % 2 == 0 else int(d) for at, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def card(rng: random.Random) -> str:
    prefix, length = rng.choice(
        [
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("2720", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3530", 16),
            ("36", 14),
        ]
    )
    number = luhn(rng, prefix, length)
    sign = rng.choice(["", "", " ", "-", ".", "_", "\u00a0", "  "])
    if sign and length == 16:
        return sign.join(number[at : at + 4] for at in range(0, 16, 4))
    if sign and length == 15:
        return sign.join((number[:4], number[4:10], number[10:]))
    return number


def iban(rng: random.Random) -> str:
    country, body = rng.choice(
        [
            ("DE", "0" * 18),
            ("FR", "0" * 10 + "A" * 11 + "00"),
            ("GB", "AAAA" + "0" * 14),
            ("NL", "AAAA" + "0" * 10),
            ("NO", "0" * 11),
            ("MT", "AAAA" + "0" * 5 + "B" * 18),
            ("CH", "0" * 5 + "B" * 12),
            ("BE", "0" * 12),
            ("AT", "0" * 16),
        ]
    )
    made = "".join(
        rng.choice({"0": string.digits, "A": string.ascii_uppercase, "B": string.digits + string.ascii_uppercase}[one])
        for one in body
    )
    check = 98 - int("".join(str(int(one, 36)) for one in made + country + "00")) % 97
    text = f"{country}{check:02d}{made}"
    text = text.lower() if rng.random() < 0.3 else text
    sign = rng.choice([" ", "-", "\u00a0"])
    return sign.join(text[at : at + 4] for at in range(0, len(text), 4)) if rng.random() < 0.4 else text


def phone(rng: random.Random) -> str:
    d = lambda count: _chars(rng, "23456789", count)  # noqa: E731 - short for the forms below
    return rng.choice(
        [
            f"+49{d(10)}",
            f"+49 {d(3)} {d(7)[:5]}",
            f"+1 ({d(3)}) {d(3)}-{d(4)}",
            f"+1-{d(3)}-{d(3)}-{d(4)}",
            f"({d(3)}) {d(3)}-{d(4)}",
            f"{d(3)}-{d(3)}-{d(4)}",
            f"+44 20 {d(4)} {d(4)}",
            f"+33 {d(1)} {d(2)} {d(2)} {d(2)} {d(2)}",
            f"0049 {d(3)} {d(5)}",
            f"+1 {d(3)} {d(3)} {d(4)}",
            f"+86{d(11)}",
            f"{d(3)}.{d(3)}.{d(4)}",
            f"+49 (0){d(3)} {d(7)}",
            f"0{d(3)} {d(7)}",
            f"0{d(2)} {d(8)}",
            f"(0{d(2)}) {d(7)}",
            f"0{d(4)} {d(6)}",
            f"0{d(3)}/{d(6)}",
            f"0{d(3)}-{d(7)}",
            f"0{d(2)} {d(4)} {d(4)}",
            f"0{d(3)} {d(3)} {d(2)} {d(2)}",
            f"0{d(1)} {d(2)} {d(2)} {d(2)} {d(2)}",
            f"0{d(2)} {d(7)}-{d(1)}",
            f"0{d(10)}",
        ]
    )


def ipv4(rng: random.Random) -> str:
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def ipv6(rng: random.Random) -> str:
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(8)]
    return rng.choice(
        [
            ":".join(groups),
            "2001:db8::" + ":".join(groups[:3]),
            "fe80::" + groups[0],
            "::1",
            ":".join(groups[:4]) + "::",
            f"::ffff:{ipv4(rng)}",
            ":".join(f"{int(one, 16):04x}" for one in groups),
            ":".join(groups).upper(),
        ]
    )


def jwt(rng: random.Random) -> str:
    parts = [json.dumps({"alg": "HS256", "n": rng.random()}), json.dumps({"sub": _chars(rng, ALNUM, 12)})]
    head, body = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{_chars(rng, ALNUM + '_-', 43)}"


def aws(rng: random.Random) -> str:
    return rng.choice(["AKIA", "ASIA"]) + _chars(rng, string.ascii_uppercase + "234567", 16)


def gcp(rng: random.Random) -> str:
    return rng.choice(
        [
            "AIza" + _chars(rng, ALNUM + "_-", 34) + "x",
            "ya29." + _chars(rng, ALNUM + "_-", 60),
            "GOCSPX-" + _chars(rng, ALNUM + "_-", 28),
        ]
    )


def azure(rng: random.Random) -> str:
    return rng.choice(
        [
            "AccountKey=" + _chars(rng, BASE64, 86) + "==",
            "SharedAccessKey=" + _chars(rng, BASE64, 43) + "=",
            _chars(rng, ALNUM, 3) + "8Q~" + _chars(rng, ALNUM + "_", 34),
            "https://x.blob.core.windows.net/c?sv=1&sig=" + _chars(rng, ALNUM + "%", 44),
        ]
    )


def bearer(rng: random.Random) -> str:
    return (
        rng.choice(["Bearer ", "bearer ", "BEARER "])
        + _chars(rng, ALNUM + "-._~+/", rng.randrange(16, 64))
        + rng.choice(["", "="])
    )


CLASSES: dict[str, Callable[[random.Random], str]] = {
    "email": email,
    "card": card,
    "iban": iban,
    "phone": phone,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "jwt": jwt,
    "aws": aws,
    "gcp": gcp,
    "azure": azure,
    "bearer": bearer,
}
_AROUND = [
    "{}",
    "user {} logged in",
    "from={} ok",
    'said "{}"',
    "({})",
    "[{}] done",
    "value: {}",
    "a,{},b",
    "<{}>",
    "x\n{}\ty",
    "état: {} fini",
    "{}; next",
    "'{}'",
    '{{"k":"{}"}}',
    "ends with {}.",
    "{} 200 paid",
    "{} from anna",
]


def private(seed: int, per_class: int) -> Iterator[Private]:
    """Yield records with one secret each: in texts, nested, in lists, in keys, as numbers, and among bad bytes."""
    rng = random.Random(seed)
    for kind, make in CLASSES.items():
        for number in range(per_class):
            secret = make(rng)
            text = rng.choice(_AROUND).format(secret)
            shape = number % 8
            record: dict[str, Any] = [
                {"message": text},
                {"message": "x", "user": {"profile": {"contact": text}}},
                {"message": "x", "items": [1, [text, {"deep": [text]}]]},
                {"message": "x", "by": {secret: 1, "n": {text: True}}},
                {"message": b"\xff\xfe " + text.encode() + b" \xc3"},
                {"message": "x", "l": [b"\x80 " + text.encode()]},
                {"message": json.dumps({"a": [{"b": text}]}, ensure_ascii=False)},
                {"message": text + " " + text},
            ][shape]
            if kind == "card" and secret.isdigit() and shape in (0, 2):
                record = {"message": "paid", "n": int(secret), "more": [int(secret), {"f": float(secret)}]}
            yield Private(kind, record, secret)


def clean(seed: int, count: int) -> Iterator[str]:
    """Yield lines without anything private: ids, hashes, versions, times, orders, prices, code, paths."""
    rng = random.Random(seed)
    h = lambda count: _chars(rng, "0123456789abcdef", count)  # noqa: E731 - short for the forms below
    d = lambda count: str(rng.randrange(10 ** (count - 1), 10**count))  # noqa: E731 - the same
    forms: list[Callable[[], str]] = [
        lambda: f"request {uuid.UUID(int=rng.getrandbits(128))} done",
        lambda: f"image sha256:{h(64)} pulled",
        lambda: f"commit {h(40)} md5 {h(32)} short {h(7)}",
        lambda: f"version {rng.randrange(30)}.{rng.randrange(50)}.{rng.randrange(200)}",
        lambda: f"v{rng.randrange(9)}.{rng.randrange(9)}.{rng.randrange(9)}-rc.{rng.randrange(9)}+build.{d(6)}",
        lambda: (
            f"2024-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}T{rng.randrange(10, 24)}:{rng.randrange(10, 60)}:{rng.randrange(10, 60)}.{d(6)}+02:00 start"
        ),
        lambda: f"ts=17{d(8)} ms=17{d(11)} ns=17{d(17)}",
        lambda: f"order {d(8)} shipped, order_id=ORD-{d(10)}",
        lambda: f"total {d(3)}.{d(2)} EUR, was {d(1)},{d(3)}.{d(2)}",
        lambda: f"took {d(3)}ms, {d(7)} bytes, ratio 0.{d(16)}",
        lambda: f"trace_id={h(32)} span_id={h(16)}",
        lambda: f"at com.shop.Checkout.pay(Checkout.java:{d(3)})",
        lambda: f"GET /api/v{rng.randrange(1, 4)}/orders/{d(9)}?page={d(2)}&sort=name HTTP/1.1 200",
        lambda: f"std::vector<int>::at: index {d(3)} of {d(2)}",
        lambda: f"mac {':'.join(h(2) for _ in range(6))} port {d(4)}",
        lambda: f"pod checkout-{h(9)}-{_chars(rng, string.ascii_lowercase, 5)} node worker-{d(2)}",
        lambda: f"k8s.io/api@v0.{d(2)}.{d(1)} npm react@18.2.{d(1)}",
        lambda: f"sku {d(13)} stock {d(4)} batch {d(5)}-{d(3)}",
        lambda: f"gc pause {d(2)}.{d(3)}ms heap {d(4)}M->{d(3)}M({d(4)}M)",
        lambda: (
            f"12:{rng.randrange(10, 60)}:{rng.randrange(10, 60)} INFO [main] c.s.App - Started in {d(1)}.{d(3)} seconds"
        ),
        lambda: f"user_id={d(6)} session={h(24)} cart={d(5)}",
        lambda: f"digest {base64.b64encode(rng.randbytes(24)).decode()} ok",
        lambda: f"token count {d(3)}, password policy checked, secret rotation done",
        lambda: f"range {d(4)}-{d(4)} rows {d(5)}/{d(6)} offset {d(10)}",
        lambda: f"seq {int(d(5)):09d} of {int(d(6)):012d}, part 0{d(2)} of 0{d(2)}, batch 00{d(3)} {d(6)}",
        lambda: (
            f"on {rng.randrange(1, 10):02d}.0{d(1)}.2024, {rng.randrange(1, 10):02d}/0{d(1)}/2024 08:{d(2)}, 0{d(1)}-0{d(1)}-2024"
        ),
        lambda: f"isbn 0{d(9)} upc 0{d(11)} ean 0{d(12)} zip 0{d(4)} Dresden",
        lambda: f"dump {' '.join(d(2) for _ in range(8))} 0x0{d(6)} 0{d(1)}:0{d(1)}:0{d(1)}.0{d(5)} 0.0{d(9)}",
        lambda: f"tracking 1Z{_chars(rng, string.ascii_uppercase + string.digits, 16)} lat 52.{d(6)} lon 13.{d(6)}",
    ]
    for number in range(count):
        yield forms[number % len(forms)]()
