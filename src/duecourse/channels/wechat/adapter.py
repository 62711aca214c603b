"""Template and subscription messages of a WeChat service account, and its events.

Sources: developers.weixin.qq.com, service accounts: 发送模板消息, 发送订阅通知, 接入指南 (read 2026-11-25).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.wechat import codes, events
from duecourse.channels.wechat.account import WechatAccount, WechatSettings, errcode_of
from duecourse.channels.wechat.envelope import Envelope, is_signed
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Channel,
    Deferred,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    ReceiptSink,
    Refused,
    ReplySink,
)

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 4.5
"""WeChat waits five seconds, then tells the same again, three times in all."""
MOST_REMEMBERED: Final = 10_000
STALE_SECONDS: Final = 600
"""A signed call that is older is not believed."""
_OPENID = re.compile(r"[A-Za-z0-9_-]{20,64}")


class WechatAdapter(HttpAdapter[WechatSettings]):
    """One message a request, each of a template that WeChat approved. Deliveries and what people do come as events."""

    kind = "wechat.service"
    channel = Channel.WECHAT
    # client_msg_id drops a second template message within ten minutes only, and no subscription message at all.
    deduplicates = False
    settings_type = WechatSettings

    def __init__(
        self,
        name: str,
        settings: WechatSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self.account = WechatAccount(name, settings, self.line)
        self._token = settings.callback_token.get_secret_value()
        aes_key = settings.encoding_aes_key
        self._envelope = Envelope(aes_key.get_secret_value(), settings.app_id) if aes_key else None
        self._heard: OrderedDict[str, asyncio.Task[bool]] = OrderedDict()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """A subscription message where the template is one, else a template message with our id against doubles."""
        if not _OPENID.fullmatch(outgoing.address):
            return refused_address("the address is no OpenID")
        if outgoing.registered is None or not outgoing.registered.template:
            return Refused("template", "no template of the account is given", False, Cause.CONTENT)
        if outgoing.registered.template in self.settings.subscription_templates:
            return await self.account.ask_for(
                "/cgi-bin/message/subscribe/bizsend", self._message(outgoing, "page")
            )
        message = self._message(outgoing, "url") | {"client_msg_id": outgoing.attempt_id.hex}
        return await self.account.ask_for("/cgi-bin/message/template/send", message)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """Accepted under msgid; a subscription message may have none, then under our own id."""
        if answer.status != 200:
            return Deferred(str(answer.status), "WeChat has trouble", self.settings.rest_seconds)
        code = errcode_of(answer)
        if code:
            return codes.outcome(code, self.settings.throttle_pause_seconds)
        return Accepted(str(json.loads(answer.content).get("msgid") or outgoing.attempt_id))

    async def renew(self, ask: Ask, answer: Answer) -> bool:
        """An access token that is not taken is got anew, once for all that were sent with it."""
        try:
            stale = answer.status == 200 and errcode_of(answer) in codes.STALE_TOKEN
        except (ValueError, AttributeError, TypeError):
            return False
        if stale:
            self.account.refuse(ask)
        return stale

    async def receive(self, request: RawRequest) -> RawResponse:
        """The check of our address (GET), and events and messages (POST), in clear or sealed."""
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not is_signed(query.get("signature", ""), self._token, stamp, nonce) or not self._is_fresh(stamp):
            return RawResponse(403)
        if request.method == "GET":
            return RawResponse(200, query.get("echostr", "").encode())
        try:
            body = self._opened(request.body, query)
            settings = self.settings
            told = events.read(body, self.name, settings.subscription_templates, settings.long_term_templates)
        except PermissionError:
            return RawResponse(403)
        except ValueError:
            log.warning("%s: a call of WeChat's server cannot be read (%s)", self.name, "C080")
            return RawResponse(400)
        committed = await self._commit_once(told)
        return RawResponse(200, b"success") if committed else RawResponse(503)

    async def close(self) -> None:
        """As for all; what WeChat told is committed or told again."""
        await asyncio.gather(*self._heard.values(), return_exceptions=True)
        await super().close()

    def _message(self, outgoing: Outgoing, link_key: str) -> dict[str, Any]:
        registered = outgoing.registered
        assert registered is not None
        message: dict[str, Any] = {
            "touser": outgoing.address,
            "template_id": registered.template,
            "data": {name: {"value": value} for name, value in registered.values},
        }
        if self.settings.mini_program:
            program = {"appid": self.settings.mini_program, "pagepath": self.settings.mini_program_page}
            message["miniprogram"] = program
        if outgoing.link:
            message[link_key] = outgoing.link
        return message

    def _is_fresh(self, stamp: str) -> bool:
        return stamp.isdigit() and abs(self.now().timestamp() - int(stamp)) <= STALE_SECONDS

    def _opened(self, body: bytes, query: Mapping[str, str]) -> bytes:
        """The XML itself. Raises PermissionError for a forged one, ValueError for one that cannot be read."""
        if self._envelope is None:
            return body
        sealed = events.parse(body).findtext("Encrypt") or ""
        parts = (self._token, query.get("timestamp", ""), query.get("nonce", ""), sealed)
        if not is_signed(query.get("msg_signature", ""), *parts):
            raise PermissionError
        return self._envelope.open(sealed)

    async def _commit_once(self, told: events.Told) -> bool:
        """Whether it is committed; what is told again while the first is under way waits for that one."""
        task = self._heard.get(told.key)
        if task is None or (task.done() and not task.result()):
            task = asyncio.create_task(self.hand_in(told.receipts, told.replies))
            self._heard[told.key] = task
            while len(self._heard) > MOST_REMEMBERED:
                self._heard.popitem(last=False)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            return False
