"""SMS over CMPP 2.0 and 3.0, as SP, on long connections. Source: China Mobile QB-GF-028-2003, "CMPP V3.0.0"."""

from __future__ import annotations

import hmac
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from duecourse.channels.cmpp import codes
from duecourse.channels.cmpp.codec import (
    DIALECTS,
    Command,
    Connect,
    Dialect,
    Submit,
    authenticator,
    decode_connect_answer,
    decode_frame,
    encode_connect,
    encode_submit,
    gateway_authenticator,
)
from duecourse.channels.cmpp.reports import CmppInterpreter
from duecourse.channels.wire.carrier import (
    CarrierCentre,
    CarrierConfig,
    Clock,
    Part,
    month_to_second,
    unproven,
)
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.link import BindRefusedError
from duecourse.channels.wire.session import Session
from duecourse.channels.wire.short import ShortWire
from duecourse.channels.wire.text import Format
from duecourse.domain.messaging import ReceiptSink, ReplySink


class CmppConfig(CarrierConfig):
    """One SP's account at a gateway (ISMG)."""

    port: int = Field(default=7890, ge=1, le=65535)
    version: Literal["2.0", "3.0"] = "2.0"
    sp_id: str = Field(min_length=6, max_length=6, pattern=r"^[!-~]+$")
    """The SP's id: Source_Addr and Msg_src."""
    shared_secret: SecretStr
    service_id: str = Field(default="", max_length=10, pattern=r"^[!-~]*$")
    fee_user_type: int = Field(default=2, ge=0, le=3)
    """Who is charged; 2 is the SP."""
    fee_type: str = Field(default="01", pattern=r"^[0-9]{2}$")
    fee_code: str = Field(default="0", max_length=6, pattern=r"^[0-9]+$")
    country_code: bool = False
    """Whether 86 stands before numbers."""
    verify_gateway: bool = True
    """Whether the gateway must prove that it knows the shared secret too."""


class CmppWire(ShortWire):
    """CMPP as the session sees it."""

    probe: int | None = Command.ACTIVE_TEST
    probe_answer = b"\0"
    unbind: int = Command.TERMINATE

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def decode(self, octets: bytes) -> Frame:
        return decode_frame(octets, self._dialect)

    def is_throttle(self, frame: Frame) -> bool:
        return frame.command == Command.SUBMIT_RESP and frame.status == codes.FLOW_CONTROL


class CmppAdapter(CarrierCentre):
    """Long connections to one gateway."""

    kind: ClassVar[str] = "sms.cmpp"
    settings_type = CmppConfig
    submit: ClassVar[int] = Command.SUBMIT
    ascii_most: ClassVar[int] = 159
    """8.4.3.1: fewer than 160."""
    results = codes.RESULTS

    def __init__(
        self,
        name: str,
        config: CmppConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Clock | None,
    ) -> None:
        self._config = config
        self._dialect = DIALECTS[config.version]
        super().__init__(name, config, CmppInterpreter(self._dialect, config), on_receipts, on_reply, clock)

    async def _bind(self) -> Session:
        config, secret = self._config, self._config.shared_secret.get_secret_value()
        timestamp = month_to_second(self._now())
        proof = authenticator(config.sp_id, secret, timestamp)
        connect = Connect(config.sp_id, proof, self._dialect.version, int(timestamp))

        def check(answer: Frame) -> None:
            if answer.status != 0:
                meaning = codes.CONNECT_STATUSES.get(answer.status, "other error")
                raise BindRefusedError(
                    f"CONNECT:{answer.status} ({meaning})", account=answer.status in codes.OF_THE_ACCOUNT
                )
            given = decode_connect_answer(answer.body).authenticator
            # Some gateways put one octet of Status into it in 3.0 too, where the field has four.
            expected = [gateway_authenticator(bytes(octets), proof, secret) for octets in (1, 4)]
            if config.verify_gateway and not any(hmac.compare_digest(given, each) for each in expected):
                raise unproven(self.name)

        session = await self._connected(CmppWire(self._dialect))
        return await self._bound(session, Command.CONNECT, encode_connect(connect), check)

    def _body(self, number: str, source: str, form: Format, part: Part, expires: str) -> bytes:
        config = self._config
        return encode_submit(
            Submit(
                total=part.total,
                number=part.number,
                service=config.service_id,
                fee_user_type=config.fee_user_type,
                has_header=part.total > 1,
                format=form,
                message_source=config.sp_id,
                fee_type=config.fee_type,
                fee_code=config.fee_code,
                valid_until=expires,
                source=source,
                destination=f"86{number}" if config.country_code else number,
                content=part.octets,
            ),
            self._dialect,
        )

    def _provider_id(self, frame: Frame) -> str:
        return str(int.from_bytes(frame.body[:8]))
