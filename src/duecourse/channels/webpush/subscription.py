"""A browser's subscription, as `PushSubscription.toJSON()` gives it. Source: W3C Push API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from duecourse.channels.http.jose import unb64url
from duecourse.channels.webpush.encryption import Keys


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to push and how to encrypt."""

    endpoint: str = field(repr=False)
    """A secret address of the browser maker's push service."""
    keys: Keys


def read_subscription(text: str) -> Subscription:
    """Raises ValueError, which quotes nothing."""
    try:
        told = json.loads(text)
        endpoint, keys = told["endpoint"], told["keys"]
        public, auth = unb64url(keys["p256dh"].rstrip("=")), unb64url(keys["auth"].rstrip("="))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        parts = urlsplit(endpoint)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("no web push subscription") from None
    if parts.scheme != "https" or not parts.hostname or parts.username or len(auth) != 16:
        raise ValueError("no web push subscription")
    return Subscription(endpoint, Keys(public, auth))
