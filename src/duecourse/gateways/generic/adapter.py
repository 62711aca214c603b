"""Any gateway that takes a signed redirect and sends a signed notification (HMAC-SHA256 over the sorted fields).

What is signed: every field that is not empty, sorted by name, as `name=value` joined by `&`, values not encoded, in
UTF-8; the signature in hexadecimal. What each field is called is a setting. See docs/reference/gateways/generic.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, SecretStr, field_validator, model_validator

from duecourse.channels.http.line import Answer
from duecourse.domain.messaging import RawRequest, RawResponse
from duecourse.domain.money import Money, from_minor

from ..contract import (
    Closed,
    Fact,
    GatewaySettings,
    NotGenuineError,
    Notice,
    Order,
    Paid,
    Refunded,
    Started,
    Trouble,
)
from ..line import GatewayLine, of_status, origin_of
from ..reading import a_number, in_minor, in_units
from ..signing import hmac_sign, hmac_verifies, sorted_fields

FIELDS: Final = (
    "merchant", "order", "amount", "currency", "subject", "return", "notify", "expires", "language", "time",
    "signature", "trade", "state", "refund", "at",
)  # fmt: skip
"""What a field can be; each is called so where `fields` does not say otherwise."""


class GenericSettings(GatewaySettings):
    """Of a described gateway."""

    url: str
    """Where a payer is sent, with the order's fields in the query."""
    query_url: str = ""
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

    @field_validator("url", "query_url")
    @classmethod
    def _is_https(cls, url: str) -> str:
        if url:
            origin_of(url)
        return url

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


class GenericGateway:
    """A described gateway."""

    kind: ClassVar[str] = "generic"
    failed: RawResponse = RawResponse(503, b"fail")

    def __init__(self, name: str, settings: GenericSettings) -> None:
        self.name = name
        self.settings = settings
        self.sources: Sequence[str] = (origin_of(settings.url),)
        self._line = GatewayLine(settings)

    def takes(self, currency: str) -> bool:
        """Every currency, or those of `only`."""
        return not self.settings.only or currency in self.settings.only

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

    def ask(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """By its query address; the answer is JSON, signed as a notification is."""
        if not self.settings.query_url:
            return ()
        fields = self._signed(merchant=self.settings.merchant, order=order_no, time=_instant(now))
        form = {"content-type": "application/x-www-form-urlencoded"}
        heard = self._line.ask(
            "POST", self.settings.query_url, content=urlencode(fields).encode(), headers=form
        )
        if not isinstance(heard, Answer):
            return heard
        if heard.status == 404:
            return ()
        if heard.status != 200:
            return of_status(heard.status)
        try:
            facts = self._facts(_as_text(json.loads(heard.content)))
        except (NotGenuineError, ValueError) as error:
            return Trouble(f"its answer is not signed or not understood ({type(error).__name__})")
        if any(fact.order_no != order_no for fact in facts):
            return Trouble("its answer is about another order")
        return facts

    def check(self, now: datetime) -> Trouble | None:
        """By asking about an order that nobody has made, where it can be asked."""
        heard = self.ask("0" * 32, "", now)
        return heard if isinstance(heard, Trouble) else None

    def hear(self, request: RawRequest, now: datetime) -> Notice:
        """A form or JSON."""
        if "json" in request.headers.get("content-type", ""):
            fields = _as_text(json.loads(request.body))
        else:
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=100)
            fields = dict(pairs)
            if len(fields) != len(pairs):
                raise NotGenuineError("a field is there twice")
        return Notice(self._facts(fields), RawResponse(200, self.settings.answer.encode()))

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


def _as_text(found: object) -> dict[str, str]:
    """A flat object of JSON as fields. Raises ValueError for anything else, fractions among them."""
    if not isinstance(found, dict):
        raise ValueError("expected an object")
    for value in found.values():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError("expected texts and whole numbers")
    return {str(key): str(value) for key, value in found.items()}
