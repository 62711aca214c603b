"""Any gateway that takes a signed redirect and sends a signed notification (HMAC-SHA256 over the sorted fields).

What is signed: every field that is not empty, sorted by name, as `name=value` joined by `&`, values not encoded, in
UTF-8; the signature in hexadecimal. What each field is called is a setting. See docs/reference/gateways/generic.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from duecourse.channels.http.line import Answer
from duecourse.domain.messaging import RawRequest, RawResponse
from duecourse.domain.money import Money, from_minor

from ..adapter import FORM, HttpAdapter, HttpsUrl, an_object
from ..contract import Closed, Fact, GatewaySettings, NotGenuineError, Order, Paid, Refunded, Started, Trouble
from ..line import origin_of
from ..reading import a_number, form_fields, in_minor, in_units
from ..signing import hmac_sign, hmac_verifies, sorted_fields

FIELDS: Final = (
    "merchant", "order", "amount", "currency", "subject", "return", "notify", "expires", "language", "time",
    "signature", "trade", "state", "refund", "at",
)  # fmt: skip
"""What a field can be; each is called so where `fields` does not say otherwise."""


class GenericSettings(GatewaySettings):
    """Of a described gateway."""

    url: HttpsUrl
    """Where a payer is sent, with the order's fields in the query."""
    query_url: HttpsUrl | Literal[""] = ""
    """Where it is asked about an order, by a POST of merchant, order, time and signature; '': it cannot be asked."""
    merchant: str = Field(min_length=1, max_length=64)
    secret: SecretStr
    """Signs both ways."""
    fields: Mapping[str, str] = Field(default_factory=dict)
    """Of FIELDS, what the gateway calls them."""
    amounts: Literal["minor", "major"] = "minor"
    """Whole cents, or units with a decimal point."""
    paid: tuple[str, ...] = ("paid",)
    """Values of `state` that say that the money came."""
    refunded: tuple[str, ...] = ("refunded",)
    closed: tuple[str, ...] = ("closed", "failed")
    answer: str = "success"
    """What it wants to read once we have its notification."""

    @model_validator(mode="after")
    def _names_are_apart(self) -> Self:
        if unknown := self.fields.keys() - set(FIELDS):
            raise ValueError(f"fields: {', '.join(sorted(unknown))} is none of {', '.join(FIELDS)}")
        names = [self.fields.get(one, one) for one in FIELDS]
        if len(set(names)) != len(names):
            raise ValueError("fields: two of them have one name, so that one could be taken for the other")
        if len(self.secret.get_secret_value()) < 16:
            raise ValueError("secret: expected at least 16 characters")
        return self


class GenericGateway(HttpAdapter[GenericSettings]):
    """A described gateway."""

    kind: ClassVar[str] = "generic"

    def __init__(self, name: str, settings: GenericSettings) -> None:
        super().__init__(name, settings)
        self.sources = (origin_of(settings.url),)
        self.taken = RawResponse(200, settings.answer.encode())

    def begin(self, order: Order) -> Started:
        """By the address alone: the gateway hears of the order when the payer comes."""
        fields = self._signed(
            merchant=self.settings.merchant,
            order=order.order_no,
            amount=self._written(order.amount),
            currency=order.amount.currency,
            subject=self.settings.subject,
            language=order.language,
            expires=_instant(order.expires_at),
            time=_instant(order.now),
            **{"return": order.return_url, "notify": order.notify_url},
        )
        joint = "&" if "?" in self.settings.url else "?"
        return Started(f"{self.settings.url}{joint}{urlencode(fields)}")

    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """By its query address; the answer is JSON, signed as a notification is."""
        if not self.settings.query_url:
            return ()
        fields = self._signed(merchant=self.settings.merchant, order=order_no, time=_instant(now))
        content = urlencode(fields).encode()
        heard = self.exchange("POST", self.settings.query_url, content, FORM, answers=(200, 404))
        if not isinstance(heard, Answer):
            return heard
        return self._facts(_as_text(heard.content)) if heard.status == 200 else ()

    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """A form or JSON."""
        is_json = "json" in request.headers.get("content-type", "")
        return self._facts(_as_text(request.body) if is_json else form_fields(request.body))

    def _facts(self, fields: Mapping[str, str]) -> list[Fact]:
        signature = self._name("signature")
        given = fields.get(signature, "")
        secret = self.settings.secret.get_secret_value()
        if not hmac_verifies(secret, sorted_fields(fields, (signature,)), given):
            raise NotGenuineError("the signature is not of these fields")
        if self._of(fields, "merchant") != self.settings.merchant:
            raise NotGenuineError("it is meant for another merchant")
        order_no, state = self._of(fields, "order"), self._of(fields, "state")
        if state in self.settings.closed:
            return [Closed(order_no)]
        if state not in (*self.settings.paid, *self.settings.refunded):
            return []
        trade_no, amount = a_number(self._of(fields, "trade")), self._amount(fields)
        at = datetime.fromisoformat(self._of(fields, "at"))
        if at.tzinfo is None:
            raise ValueError("its time has no zone")
        if state in self.settings.paid:
            return [Paid(order_no, trade_no, amount, at)]
        return [Refunded(order_no, trade_no, amount, at, a_number(self._of(fields, "refund")))]

    def _amount(self, fields: Mapping[str, str]) -> Money:
        currency, written = self._of(fields, "currency"), self._of(fields, "amount")
        return (
            in_units(written, currency) if self.settings.amounts == "major" else in_minor(written, currency)
        )

    def _written(self, amount: Money) -> str:
        if self.settings.amounts == "major":
            return f"{from_minor(amount.amount_minor, amount.currency)}"
        return f"{amount.amount_minor}"

    def _name(self, field: str) -> str:
        return self.settings.fields.get(field, field)

    def _of(self, fields: Mapping[str, str], field: str) -> str:
        """Raises ValueError where it is missing."""
        if value := fields.get(self._name(field), ""):
            return value
        raise ValueError(f"it has no {field}")

    def _signed(self, **fields: str) -> dict[str, str]:
        named = {self._name(field): value for field, value in fields.items()}
        signed = hmac_sign(self.settings.secret.get_secret_value(), sorted_fields(named))
        return {**named, self._name("signature"): signed}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _as_text(text: bytes) -> dict[str, str]:
    """A flat object of JSON as fields. Raises ValueError for anything else, fractions among them."""
    found = an_object(text)
    for value in found.values():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError("expected texts and whole numbers")
    return {key: str(value) for key, value in found.items()}
