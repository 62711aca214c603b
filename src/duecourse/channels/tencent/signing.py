"""Requests to Tencent Cloud's API 3.0, signed with TC3-HMAC-SHA256.

Source: cloud.tencent.com, 签名方法 v3 (213/30654, read 2026-11-25); its examples are in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

ALGORITHM: Final = "TC3-HMAC-SHA256"
CONTENT_TYPE: Final = "application/json; charset=utf-8"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^/]+)/(\d{{4}}-\d{{2}}-\d{{2}})/(\w+)/tc3_request,\s*"
    r"SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)


def signature(
    secret: str, service: str, date: str, timestamp: str, headers: Mapping[str, str], signed: str, body: bytes
) -> str:
    """Of a POST to /. date: of the timestamp, UTC. signed: names of the signed headers, sorted, joined by ';'."""
    named = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in signed.split(";"))
    request = "\n".join(("POST", "/", "", named, signed, hashlib.sha256(body).hexdigest()))
    scope = f"{date}/{service}/tc3_request"
    text = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for step in (date, service, "tc3_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signed_headers(
    secret_id: str, secret_key: str, *, host: str, service: str, action: str, version: str, region: str,
    body: bytes, now: datetime,
) -> dict[str, str]:  # fmt: skip
    """Headers of a call. region: '' where the service has none."""
    moment = now.astimezone(UTC)
    timestamp, date = str(int(moment.timestamp())), moment.strftime("%Y-%m-%d")
    headers = {"content-type": CONTENT_TYPE, "host": host, "x-tc-action": action}
    names = ";".join(sorted(headers))
    made = signature(secret_key, service, date, timestamp, headers, names, body)
    headers |= {
        "x-tc-timestamp": timestamp,
        "x-tc-version": version,
        "authorization": f"{ALGORITHM} Credential={secret_id}/{date}/{service}/tc3_request, "
        f"SignedHeaders={names}, Signature={made}",
    }
    return headers | ({"x-tc-region": region} if region else {})


def is_signed(secret_key: str, service: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a request bears the signature of this key for this service. headers: names in lower case."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    timestamp = headers.get("x-tc-timestamp", "")
    if match is None or not timestamp.isdecimal() or match[3] != service:
        return False
    names = match[4].split(";")
    if not {"content-type", "host"} <= set(names) <= set(headers):
        return False
    date = datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d")
    if match[2] != date:
        return False
    return hmac.compare_digest(
        signature(secret_key, service, date, timestamp, headers, match[4], body), match[5]
    )


def secret_id_of(headers: Mapping[str, str]) -> str:
    """Whose signature a request claims to bear; '' for none."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return match[1] if match else ""
