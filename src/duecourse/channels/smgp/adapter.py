"""SMS over SMGP 3.0, as SP, on long connections. Source: China Telecom SMGP V3.0.3."""

from __future__ import annotations

import hmac
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from duecourse.channels.smgp import codes
from duecourse.channels.smgp.codec import (
    Command,
    Login,
    LoginMode,
    Submit,
    Tag,
    authenticator,
    decode_frame,
    decode_login_answer,
    encode_login,
    encode_submit,
    server_authenticator,
)
from duecourse.channels.smgp.reports import SmgpInterpreter
from duecourse.channels.wire.carrier import (
    CarrierCentre,
    CarrierConfig,
    Clock,
    Part,
    month_to_second,
    unproven,
)
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.link import BindRefusedError, Links
from duecourse.channels.wire.session import Session
from duecourse.channels.wire.short import ShortWire
from duecourse.channels.wire.text import Format
from duecourse.domain.messaging import ReceiptSink, ReplySink


class SmgpConfig(CarrierConfig):
    """One SP's account at a gateway (SMGW)."""

    port: int = Field(default=8890, ge=1, le=65535)
    client_id: str = Field(min_length=1, max_length=8, pattern=r"^[!-~]+$")
    shared_secret: SecretStr
    login_as: Literal["both", "separate"] = "both"
    """Whether a line sends and receives, or some send and others receive."""
    receivers: int = Field(default=1, ge=1, le=64)
    """Lines that only receive, where they are separate."""
    service_id: str = Field(default="", max_length=10, pattern=r"^[!-~]*$")
    fee_type: str = Field(default="00", pattern=r"^[0-9]{2}$")
    fee_code: str = Field(default="0", max_length=6, pattern=r"^[0-9]+$")
    sp_code: str = Field(default="", max_length=8, pattern=r"^[!-~]*$")
    """The company's code, sent as MsgSrc; empty leaves it out."""
    product_id: str = Field(default="", max_length=21, pattern=r"^[!-~]*$")
    """Sent as MServiceID; empty leaves it out."""
    priority: int = Field(default=1, ge=0, le=3)
    alphabet: Literal["ucs2", "gbk"] = "gbk"
    """6.2.16 wants text in format 15; what GBK lacks makes the text UCS-2 all the same."""
    country_code: bool = False
    """Whether 86 stands before numbers."""
    verify_gateway: bool = True
    """Whether the gateway must prove that it knows the shared secret too."""


class SmgpWire(ShortWire):
    """SMGP as the session sees it."""

    probe: int | None = Command.ACTIVE_TEST
    probe_answer = b""
    unbind: int = Command.EXIT
    decode = staticmethod(decode_frame)

    def is_throttle(self, frame: Frame) -> bool:
        return frame.command == Command.SUBMIT_RESP and frame.status == codes.BUSY


class SmgpAdapter(CarrierCentre):
    """Long connections to one gateway."""

    kind: ClassVar[str] = "sms.smgp"
    settings_type = SmgpConfig
    submit: ClassVar[int] = Command.SUBMIT
    ascii_most: ClassVar[int] = 140
    """6.2.23, whatever the format."""
    results = codes.RESULTS

    def __init__(
        self,
        name: str,
        config: SmgpConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Clock | None,
    ) -> None:
        self._config = config
        super().__init__(name, config, SmgpInterpreter(config), on_receipts, on_reply, clock)
        if config.login_as == "separate":
            self._receiving = Links([self._link(self._bind_receiver) for _ in range(config.receivers)])

    async def _bind(self) -> Session:
        both = self._config.login_as == "both"
        return await self._login(LoginMode.TRANSMIT if both else LoginMode.SEND)

    async def _bind_receiver(self) -> Session:
        return await self._login(LoginMode.RECEIVE)

    async def _login(self, mode: LoginMode) -> Session:
        config, secret = self._config, self._config.shared_secret.get_secret_value()
        timestamp = month_to_second(self._now())
        proof = authenticator(config.client_id, secret, timestamp)

        def check(answer: Frame) -> None:
            if answer.status != 0:
                known = codes.RESULTS.get(answer.status)
                raise BindRefusedError(
                    f"LOGIN:{answer.status} ({known.meaning if known else 'not in the table'})",
                    account=answer.status in codes.OF_THE_ACCOUNT,
                )
            given = decode_login_answer(answer.body).authenticator
            if config.verify_gateway and not hmac.compare_digest(
                given, server_authenticator(answer.status, proof, secret)
            ):
                raise unproven(self.name)

        session = await self._connected(SmgpWire())
        login = encode_login(Login(config.client_id, proof, mode, int(timestamp)))
        return await self._bound(session, Command.LOGIN, login, check)

    def _body(self, number: str, source: str, form: Format, part: Part, expires: str) -> bytes:
        config = self._config
        tlvs: dict[int, bytes] = {}
        if part.total > 1:
            tlvs = {
                Tag.TP_UDHI: b"\1",
                Tag.PK_TOTAL: bytes((part.total,)),
                Tag.PK_NUMBER: bytes((part.number,)),
            }
        if config.sp_code:
            tlvs[Tag.MSG_SRC] = config.sp_code.encode().ljust(8, b"\0")
        if config.product_id:
            tlvs[Tag.M_SERVICE_ID] = config.product_id.encode().ljust(21, b"\0")
        return encode_submit(
            Submit(
                priority=config.priority,
                service=config.service_id,
                fee_type=config.fee_type,
                fee_code=config.fee_code,
                format=form,
                valid_until=expires,
                source=source,
                destination=f"86{number}" if config.country_code else number,
                content=part.octets,
                tlvs=tlvs,
            )
        )

    def _provider_id(self, frame: Frame) -> str:
        return frame.body[:10].hex()
