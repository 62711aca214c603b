"""What a carrier's word means for the person's number: blocked, dead, off and suspended told apart."""

from __future__ import annotations

from datetime import datetime

import pytest

from duecourse.channels.cmpp import codec as cmpp
from duecourse.channels.cmpp.adapter import CmppConfig
from duecourse.channels.cmpp.reports import CmppInterpreter
from duecourse.channels.sgip import codec as sgip
from duecourse.channels.sgip.adapter import SgipConfig
from duecourse.channels.sgip.reports import SgipInterpreter
from duecourse.channels.smgp import codec as smgp
from duecourse.channels.smgp.adapter import SmgpConfig
from duecourse.channels.smgp.reports import SmgpInterpreter
from duecourse.channels.wire.carrier import BEIJING
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Verdict
from duecourse.channels.wire.parts import Incoming
from duecourse.channels.wire.text import Concatenation
from duecourse.domain.messaging import Cause, Receipt, ReceiptStatus

DELIVERED, FAILED = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED
EXPIRED, BUFFERED = ReceiptStatus.EXPIRED, ReceiptStatus.BUFFERED
SUBMIT = sgip.sequence_of(3010012345, "0310090000", 0xBEEF0007).to_bytes(12)


def cmpp_report(stat: str, **settings: object) -> Receipt:
    config = CmppConfig.model_validate(
        {"host": "h", "sp_id": "901234", "shared_secret": "s", "source": "1069"} | settings
    )
    content = cmpp.encode_report(
        cmpp.Report(77, stat, "2603100900", "2603100903", "13800001111"), cmpp.CMPP_2
    )
    deliver = cmpp.Deliver(
        message_id=1, destination="1069", source="13800001111", content=content, is_report=True
    )
    frame = Frame(cmpp.Command.DELIVER, 0, 1, cmpp.encode_deliver(deliver, cmpp.CMPP_2))
    receipt = CmppInterpreter(cmpp.CMPP_2, config).read(frame)
    assert isinstance(receipt, Receipt)
    return receipt


def sgip_config(**settings: object) -> SgipConfig:
    return SgipConfig.model_validate(
        {"host": "h", "node": 1, "company": "1", "login_name": "n", "source": "1069", "gateway_name": "g"}
        | settings
    )


def sgip_report(state: int, error: int, **settings: object) -> Receipt:
    body = sgip.encode_report(sgip.Report(SUBMIT, 0, "8613000001111", state, error))
    receipt = SgipInterpreter(sgip_config(**settings), lambda _: None).read(
        Frame(sgip.Command.REPORT, 0, 1, body)
    )
    assert isinstance(receipt, Receipt)
    return receipt


def smgp_report(stat: str, error: str, **settings: object) -> Receipt:
    config = SmgpConfig.model_validate(
        {"host": "h", "client_id": "1", "shared_secret": "s", "source": "1069"} | settings
    )
    deliver = smgp.Deliver(
        message_id=b"d" * 10,
        source="13300001111",
        destination="1069",
        content=smgp.encode_report(smgp.Report(b"m" * 10, stat, error, "2603100900", "2603100903")),
        is_report=True,
    )
    receipt = SmgpInterpreter(config).read(Frame(smgp.Command.DELIVER, 0, 1, smgp.encode_deliver(deliver)))
    assert isinstance(receipt, Receipt)
    return receipt


@pytest.mark.parametrize(
    ("stat", "status", "cause", "permanent"),
    [
        ("DELIVRD", DELIVERED, Cause.OTHER, False),
        ("EXPIRED", EXPIRED, Cause.OFF, False),
        ("UNDELIV", FAILED, Cause.OTHER, False),
        ("REJECTD", FAILED, Cause.OTHER, False),
        ("MK:0001", FAILED, Cause.DEAD, True),
        ("CB:0053", FAILED, Cause.DEAD, True),
        ("DB:0101", FAILED, Cause.DEAD, True),
        ("MK:0012", FAILED, Cause.DEAD, False),
        ("MI:0024", FAILED, Cause.OFF, False),
        ("MK:0005", FAILED, Cause.SUSPENDED, False),
        ("DB:0102", FAILED, Cause.SUSPENDED, False),
        ("DB:0141", FAILED, Cause.BLOCKED, False),
        ("MB:1077", FAILED, Cause.BLOCKED, False),
        ("MK:0017", FAILED, Cause.FULL, False),
        ("MA:0054", FAILED, Cause.OTHER, False),
        ("CA:0054", FAILED, Cause.OTHER, False),
        ("IB:0072", FAILED, Cause.OTHER, False),
        ("XY:9999", FAILED, Cause.OTHER, False),
        ("MC:0151", BUFFERED, Cause.OTHER, False),
        ("IC:0055", BUFFERED, Cause.OTHER, False),
        ("ACCEPTD", BUFFERED, Cause.OTHER, False),
        ("UNKNOWN", BUFFERED, Cause.OTHER, False),
    ],
)
def test_cmpp_states(stat: str, status: ReceiptStatus, cause: Cause, permanent: bool):
    receipt = cmpp_report(stat)
    assert (receipt.status, receipt.cause, receipt.permanent) == (status, cause, permanent)
    assert (receipt.code, receipt.provider_id, receipt.address) == (stat, "77", "+8613800001111")
    assert receipt.occurred_at == datetime(2026, 3, 10, 9, 3, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("state", "error", "status", "cause", "permanent"),
    [
        (0, 0, DELIVERED, Cause.OTHER, False),
        (1, 0, BUFFERED, Cause.OTHER, False),
        (2, 25, FAILED, Cause.OFF, False),
        (2, 26, FAILED, Cause.FULL, False),
        (2, 29, FAILED, Cause.DEAD, True),
        (2, 1, FAILED, Cause.DEAD, False),
        (2, 56, FAILED, Cause.SUSPENDED, False),
        (2, 69, FAILED, Cause.BLOCKED, False),
        (2, 255, FAILED, Cause.OTHER, False),
    ],
)
def test_sgip_states(state: int, error: int, status: ReceiptStatus, cause: Cause, permanent: bool):
    receipt = sgip_report(state, error)
    assert (receipt.status, receipt.cause, receipt.permanent) == (status, cause, permanent)
    assert (receipt.provider_id, receipt.reference) == (SUBMIT.hex(), 0xBEEF)
    assert receipt.address == "+8613000001111"


@pytest.mark.parametrize(
    ("stat", "error", "status", "cause"),
    [
        ("DELIVRD", "000", DELIVERED, Cause.OTHER),
        ("EXPIRED", "001", EXPIRED, Cause.OFF),
        ("EXPIRED", "007", EXPIRED, Cause.FULL),
        ("UNDELIV", "004", FAILED, Cause.DEAD),
        ("UNDELIV", "005", FAILED, Cause.BLOCKED),
        ("UNDELIV", "601", FAILED, Cause.OTHER),
        ("UNKNOWN", "999", BUFFERED, Cause.OTHER),
    ],
)
def test_smgp_states(stat: str, error: str, status: ReceiptStatus, cause: Cause):
    receipt = smgp_report(stat, error)
    assert (receipt.status, receipt.cause, receipt.permanent) == (status, cause, False)
    assert receipt.code == (stat if error == "000" else f"{stat}:{error}")
    assert (receipt.provider_id, receipt.address) == ((b"m" * 10).hex(), "+8613300001111")


def test_settings_say_what_a_providers_own_codes_mean():
    receipt = cmpp_report("ZZ:0007", causes={"ZZ:0007": "opted-out"}, permanent_errors=["ZZ:0001"])
    assert (receipt.cause, receipt.permanent) == (Cause.OPTED_OUT, False)
    for dead in (
        cmpp_report("ZZ:0001", permanent_errors=["ZZ:0001"]),
        sgip_report(2, 67, permanent_errors=["67"]),
        smgp_report("UNDELIV", "601", permanent_errors=["601"]),
    ):
        assert (dead.status, dead.cause, dead.permanent) == (FAILED, Cause.DEAD, True)
    assert smgp_report("UNDELIV", "702", causes={"702": "suspended"}).cause is Cause.SUSPENDED
    assert not cmpp_report("DELIVRD", permanent_errors=["DELIVRD"]).permanent


def test_report_without_a_state_is_no_receipt():
    config = sgip_config()
    body = sgip.encode_report(sgip.Report(SUBMIT, 0, "8613000001111", 9, 0))
    assert SgipInterpreter(config, lambda _: None).read(Frame(sgip.Command.REPORT, 0, 1, body)) is None


def test_reply_in_parts_says_where_it_belongs():
    deliver = sgip.Deliver(
        user="8613000001111",
        recipient="10690001",
        has_header=True,
        coding=8,
        content=bytes((5, 0, 3, 77, 2, 1)) + "已还".encode("utf-16-be"),
    )
    interpreter = SgipInterpreter(sgip_config(), lambda _: None)
    reply = interpreter.read(Frame(sgip.Command.DELIVER, 0, 42, sgip.encode_deliver(deliver)))
    assert reply == Incoming("+8613000001111", "10690001", "已还", Concatenation(77, 2, 1), 42)


def test_what_shall_come_again_is_left_unanswered():
    interpreter = SgipInterpreter(sgip_config(), lambda _: None)
    frame = Frame(sgip.Command.REPORT, 0, 1, b"")
    assert interpreter.answer(frame, Verdict.AGAIN) is None
    assert interpreter.answer(frame, Verdict.TAKEN) == (0, sgip.encode_result(0))
    assert interpreter.answer(frame, Verdict.NEVER) == (5, sgip.encode_result(5))
