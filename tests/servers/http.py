"""Plain HTTP to loopback servers, past any proxy of the environment."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    body: bytes


def fetch(
    url: str,
    *,
    form: Mapping[str, str | list[str]] | None = None,
    json_body: object = None,
    method: str | None = None,
    tls: ssl.SSLContext | None = None,
    limit: float = 30,
    content_type: str = "application/json",
) -> Answer:
    """GET, or POST of a form or of JSON (said to be `content_type`); a status of 4xx or 5xx is an answer too.

    Raises:
        OSError: the server could not be reached, or did not answer in ``limit`` seconds.
    """
    data = urllib.parse.urlencode(form, doseq=True).encode() if form is not None else None
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if tls is not None:
        handlers.append(urllib.request.HTTPSHandler(context=tls))
    request = urllib.request.Request(url, data=data, method=method)
    if json_body is not None:
        request.data = json.dumps(json_body).encode()
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=limit) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())
