"""SMS over whatever gateway the settings describe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from duecourse.channels.gateway.model import (
    CallbackShape,
    Check,
    Code,
    Format,
    GatewaySettings,
    filled,
)
from duecourse.channels.gateway.reading import fields_of_text, first, look
from duecourse.channels.http import verdicts
from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.callbacks import FORBIDDEN, NOT_STORED, UNREADABLE, is_within, same
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.http.phone import bare, is_e164
from duecourse.channels.http.verdicts import Meaning, Verdict
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Channel,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptStatus,
    Refused,
    Reply,
)

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,32}")
_WORDS = {
    Meaning.DEAD: "the gateway says that the number is dead",
    Meaning.REFUSED: "the gateway refuses the message",
    Meaning.LATER: "trouble at the gateway",
    Meaning.SLOWER: "too fast for the gateway",
    Meaning.ACCOUNT: "the account at the gateway is not in order",
    Meaning.UNCLEAR: "the gateway does not know whether it took it",
}


class HttpGatewayAdapter(HttpAdapter[GatewaySettings]):
    """One message a request."""

    kind = "sms.http"
    channel = Channel.SMS
    settings_type = GatewaySettings

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The described request with this message in it."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        settings, shape = self.settings, self.settings.request
        registered = outgoing.registered
        if registered is None and {"template", "values"} & shape.used():
            return Refused("template", "no approved template for this text", False, Cause.CONTENT)
        known = self._known(outgoing)
        headers = {key.lower(): filled(value, known) for key, value in shape.headers.items()}
        if shape.basic:
            account = f"{settings.username}:{settings.password.get_secret_value()}"
            headers["authorization"] = f"Basic {base64.b64encode(account.encode()).decode('ascii')}"
        url, body = filled(shape.url, {key: quote(value, safe="") for key, value in known.items()}), b""
        if shape.format is Format.JSON:
            body = json.dumps(filled(shape.body, known), ensure_ascii=False).encode()
            headers.setdefault("content-type", "application/json")
        else:
            query = urlencode({key: _text(value) for key, value in filled(shape.body, known).items()})
            if shape.method == "GET":
                url = f"{url}{'&' if '?' in url else '?'}{query}"
            else:
                body = query.encode("ascii")
                headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return Ask(url, body, headers, shape.method)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """The described word of acceptance, or the code table; a bare status where there is no code."""
        shape, pause = self.settings.answer, answer.retry_after(self.settings.throttle_pause_seconds)
        good = 200 <= answer.status < 300
        if good and not shape.accepted_at:
            told = self._read(answer) if shape.id_at or shape.parts_at else {}
            return self._accepted(outgoing, told)
        try:
            told = self._read(answer)
        except ValueError:
            told = {}
        if good and first(told, shape.accepted_at) in shape.accepted_is:
            return self._accepted(outgoing, told)
        code = first(told, shape.code_at or shape.accepted_at) if told else ""
        known = self.settings.codes.get(code)
        if known is None:
            if good and code:  # the gateway's no; what is no code is not kept, since it may be about a person
                label = code if _CODE.fullmatch(code) else "unlisted"
                return verdicts.outcome(label, Verdict(Meaning.REFUSED, _WORDS[Meaning.REFUSED]), pause)
            return verdicts.outcome(str(answer.status), verdicts.of_status(answer.status), pause)
        said = known if isinstance(known, Code) else Code(meaning=known)
        verdict = Verdict(said.meaning, _WORDS[said.meaning], said.cause, said.after_seconds)
        return verdicts.outcome(code, verdict, pause)

    async def receive(self, request: RawRequest) -> RawResponse:
        """The described callback, once it is told from anybody's."""
        shape = self.settings.callback
        if shape is None or not self._lets_in(shape, request):
            return FORBIDDEN
        try:
            items = self._items(shape, request)
            replies = [self._reply(shape, one) for one in items if _has(one, shape.reply_text_at)]
            receipts = [_receipt(shape, one) for one in items if not _has(one, shape.reply_text_at)]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return UNREADABLE
        if not await self.hand_in(receipts, replies):
            return NOT_STORED
        return RawResponse(200, shape.answer.encode(), shape.answer_type)

    def _known(self, outgoing: Outgoing) -> dict[str, str]:
        settings, registered = self.settings, outgoing.registered
        values = dict(registered.values) if registered else {}
        return {
            "number": outgoing.address,
            "digits": outgoing.address.lstrip("+"),
            "bare": bare(outgoing.address),
            "text": outgoing.text,
            "attempt": outgoing.attempt_id.hex,
            "sender": (registered and registered.sender) or settings.sender,
            "signature": (registered and registered.signature) or settings.signature,
            "template": registered.template if registered else "",
            "values": json.dumps(values, ensure_ascii=False),
            "valid_seconds": str(outgoing.valid_for_seconds),
            "valid_minutes": str(max(1, outgoing.valid_for_seconds // 60)),
            "language": outgoing.language,
            "purpose": outgoing.purpose,
            "username": settings.username,
            "password": settings.password.get_secret_value(),
            "secret": settings.secret.get_secret_value(),
            "callback_url": settings.callback_url,
        }

    def _read(self, answer: Answer) -> Any:
        shape = self.settings.answer
        text = answer.content.decode("utf-8")
        if shape.format is Format.JSON:
            return json.loads(text)
        if shape.format is Format.FORM:
            return dict(parse_qsl(text.strip(), keep_blank_values=True))
        return fields_of_text(text, shape.separator)

    def _accepted(self, outgoing: Outgoing, told: Any) -> Accepted:
        shape = self.settings.answer
        parts = first(told, shape.parts_at) if shape.parts_at else ""
        provider_id = first(told, shape.id_at) if shape.id_at else ""
        return Accepted(
            provider_id or outgoing.attempt_id.hex, int(parts) if parts.isdecimal() and int(parts) else 1
        )

    def _lets_in(self, shape: CallbackShape, request: RawRequest) -> bool:
        if shape.check is Check.NONE:
            return True
        if shape.check is Check.NETWORKS:
            return is_within(request.peer, shape.networks)
        if shape.check is Check.TOKEN:
            token = dict(parse_qsl(request.query)).get("token", "")
            return same(token, self.settings.callback_token.get_secret_value())
        key = self.settings.callback_secret.get_secret_value().encode()
        octets = hmac.new(key, request.body, getattr(hashlib, shape.algorithm)).digest()
        made = octets.hex() if shape.encoding == "hex" else base64.b64encode(octets).decode("ascii")
        given = request.headers.get(shape.header.lower(), "")
        return same(given.lower() if shape.encoding == "hex" else given, f"{shape.prefix}{made}")

    def _items(self, shape: CallbackShape, request: RawRequest) -> list[Any]:
        if shape.format is Format.JSON:
            body: Any = json.loads(request.body)
        else:
            form = request.query if request.method == "GET" else request.body.decode("ascii")
            body = dict(parse_qsl(form, keep_blank_values=True, max_num_fields=200))
        found = look(body, shape.list_at)
        return found if isinstance(found, list) else [found]

    def _reply(self, shape: CallbackShape, one: Any) -> Reply:
        sender = first(one, shape.reply_from_at)
        digits = sender.lstrip("+0")
        if not (digits.isascii() and digits.isdecimal()):
            raise ValueError("no number")
        country = self.settings.country
        local = not sender.startswith(("+", "00")) and not (digits.startswith(country) and len(digits) > 11)
        number = f"+{country}{digits}" if local else f"+{digits}"
        return Reply(
            self.name,
            number,
            first(one, shape.reply_to_at) if shape.reply_to_at else "",
            first(one, shape.reply_text_at),
            reference=first(one, shape.reply_id_at) if shape.reply_id_at else "",
        )


def _receipt(shape: CallbackShape, one: Any) -> Receipt:
    status = first(one, shape.status_at)
    kind = shape.statuses.get(status, shape.other_status)
    if kind is None:
        raise ValueError("a status that is not described")
    code = (first(one, shape.code_at) if shape.code_at else "") or status
    failed = kind in (ReceiptStatus.FAILED, ReceiptStatus.EXPIRED)
    cause = shape.causes.get(code, Cause.OTHER) if failed else Cause.OTHER
    attempt = first(one, shape.attempt_at) if shape.attempt_at else ""
    provider_id = first(one, shape.id_at) if shape.id_at else ""
    if not provider_id and not attempt:
        raise ValueError("of no message")
    return Receipt(
        kind,
        code,
        provider_id=provider_id,
        attempt_id=UUID(attempt) if attempt else None,
        permanent=cause is Cause.DEAD,
        cause=cause,
    )


def _has(one: Any, path: str) -> bool:
    if not path:
        return False
    try:
        look(one, path)
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return True


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
