"""One-click unsubscribe: the header that offers it, and what comes back by it.

The address in the header names the attempt and nothing else, under a MAC, so that nobody can stop another's mail.
A GET changes nothing, since scanners follow links. Sources: RFC 2369 (List-Unsubscribe), RFC 8058 (one click by POST).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

from duecourse.domain.messaging import RawRequest, RawResponse

_MAC_OCTETS: Final = 16
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"
_STYLE: Final = "body{font:1.25rem/1.5 system-ui,sans-serif;max-width:30rem;margin:2rem auto;padding:0 1rem}"
_PAGE: Final = """<!doctype html><html lang="zh"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>退订 · Unsubscribe</title><style>%s</style>
%s</html>"""
_ASK: Final = """<p>不再接收本机构的邮件？法律规定必须发送的通知不受影响。</p>
<p lang="en">Stop e-mail from this lender? Notices that a law demands are not affected.</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button style="font:inherit;padding:.75rem 1.5rem">退订 · Unsubscribe</button></form>"""
_DONE: Final = "<p>已退订。</p><p lang='en'>You are unsubscribed.</p>"
_INVALID: Final = "<p>链接无效。</p><p lang='en'>This link is not valid.</p>"


class Unsubscribes:
    """Offers and recognises one-click unsubscribes of one provider."""

    def __init__(self, url: str, secret: str) -> None:
        """url: https, where the listener takes this provider's callbacks. secret: 16 octets or more."""
        self._url = url
        self._secret = secret.encode()

    def headers(self, attempt_id: UUID) -> dict[str, str]:
        """The two fields of RFC 8058."""
        separator = "&" if "?" in self._url else "?"
        return {
            "List-Unsubscribe": f"<{self._url}{separator}u={self._token(attempt_id)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def attempt_of(self, query: str) -> UUID | None:
        """The attempt that the address of a request names; None when we did not make that address."""
        given = parse_qs(query).get("u", [""])[-1]
        with suppress(ValueError):
            octets = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
            if len(octets) == 16 + _MAC_OCTETS:
                attempt_id = UUID(bytes=octets[:16])
                if hmac.compare_digest(self._token(attempt_id), given):
                    return attempt_id
        return None

    def _token(self, attempt_id: UUID) -> str:
        mac = hmac.new(self._secret, b"unsubscribe" + attempt_id.bytes, hashlib.sha256).digest()[:_MAC_OCTETS]
        return base64.urlsafe_b64encode(attempt_id.bytes + mac).decode().rstrip("=")


def is_one_click(request: RawRequest) -> bool:
    """Whether it is the POST that a mail program makes when the person clicks, or the button of our page."""
    if request.method != "POST":
        return False
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return b'name="List-Unsubscribe"' in request.body and b"One-Click" in request.body
    return _ONE_CLICK in request.body


def page(status: int, *, done: bool = False) -> RawResponse:
    """What a browser shows, in Chinese and English: the question, the thanks, or that the link is no good."""
    words = _DONE if done else _ASK if status == 200 else _INVALID
    return RawResponse(status, (_PAGE % (_STYLE, words)).encode(), "text/html")
