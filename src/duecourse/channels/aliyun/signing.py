"""Requests to Alibaba Cloud's OpenAPI, signed with ACS3-HMAC-SHA256.

Source: help.aliyun.com, 阿里云SDK, V3版本请求体&签名机制 (read 2026-11-25); its two fixed examples are in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)"
)


def query_of(parameters: Mapping[str, str]) -> str:
    """Canonical: sorted by name, percent-encoded as RFC 3986 wants."""
    return "&".join(f"{_escaped(key)}={_escaped(parameters[key])}" for key in sorted(parameters))


def signature(
    secret: str, method: str, path: str, query: str, headers: Mapping[str, str], signed: str, body: bytes
) -> str:
    """Over the canonical request. query: canonical. signed: names of the signed headers, sorted, joined by ';'."""
    named = "".join(f"{name}:{headers[name].strip()}\n" for name in signed.split(";"))
    request = "\n".join((method, path, query, named, signed, hashlib.sha256(body).hexdigest()))
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_headers(
    key_id: str, secret: str, *, host: str, action: str, version: str, query: str, now: datetime, nonce: str
) -> dict[str, str]:
    """Headers of a POST to / without a body. query: canonical. nonce: never used before."""
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    made = signature(secret, "POST", "/", query, headers, names, b"")
    headers["authorization"] = f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={made}"
    return headers


def is_signed(
    secret: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Whether a request bears the signature of this secret. headers: names in lower case. query: as written."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None or not set(match[2].split(";")) <= set(headers):
        return False
    if headers.get("x-acs-content-sha256") != hashlib.sha256(body).hexdigest():
        return False
    canonical = query_of(dict(parse_qsl(query, keep_blank_values=True)))
    made = signature(secret, method, path, canonical, headers, match[2], body)
    return hmac.compare_digest(made, match[3])


def key_id_of(headers: Mapping[str, str]) -> str:
    """Whose signature a request claims to bear; '' for none."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return match[1] if match else ""


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
