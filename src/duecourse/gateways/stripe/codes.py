"""What Stripe writes. Source: https://docs.stripe.com/currencies (zero-decimal, three-decimal and special cases),
https://docs.stripe.com/api/checkout/sessions, https://docs.stripe.com/webhooks; written from
knowledge of them, not held against their text again.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "2025-03-31.basil"
"""Of the API that we speak; sent with every request, so that the account's own version changes nothing."""

WHOLE: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
"""Currencies whose amounts are whole units there."""
THOUSANDTHS: Final = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
"""Three decimal places, the last of which must be 0."""
PLACES: Final = 2
"""Of every other, those among them that ISO 4217 gives no decimals (UGX, ISK: the last two digits must be 00)."""

PAID_EVENTS: Final = frozenset(("checkout.session.completed", "checkout.session.async_payment_succeeded"))
CLOSED_EVENTS: Final = frozenset(("checkout.session.expired",))
REFUND_EVENTS: Final = frozenset(("charge.refunded",))
