"""How Twilio signs what it posts to us.

Source: twilio.com/docs/usage/webhooks/webhooks-security (read 2026-11-25); its examples are in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl

from duecourse.domain.messaging import RawRequest


def signature(auth_token: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """X-Twilio-Signature of a form posted to this URL; of a key given twice with one value, it counts once."""
    text = url + "".join(f"{key}{value}" for key, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode(
        "ascii"
    )


def fields_of(request: RawRequest) -> dict[str, str] | None:
    """The posted form; None for anything that is none."""
    try:
        return dict(parse_qsl(request.body.decode("ascii"), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        return None


def is_signed(auth_token: str, url: str, request: RawRequest) -> bool:
    """Whether Twilio sent this. url: as Twilio was told it, with the query, without the fragment."""
    try:
        fields = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return False
    given = request.headers.get("x-twilio-signature", "")
    return hmac.compare_digest(signature(auth_token, url, fields).encode(), given.encode("utf-8", "replace"))
