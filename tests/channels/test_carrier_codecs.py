"""The carriers' PDUs against the field tables of their own documents, written down here once more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.cmpp import codec as cmpp
from duecourse.channels.sgip import codec as sgip
from duecourse.channels.smgp import codec as smgp
from duecourse.channels.wire.frame import DecodeError
from duecourse.channels.wire.short import encode_frame

# CMPP V3.0.0, 8.4.3.1 and 8.4.5.1; 2.0 by chapter 12. SGIP, 4.2.3. SMGP V3.0.3, 5.2.2. Widths in octets.
CMPP_SUBMIT = """Msg_Id 8, Pk_total 1, Pk_number 1, Registered_Delivery 1, Msg_level 1, Service_Id 10, Fee_UserType 1,
    Fee_terminal_Id {number}, {fee_type}TP_pId 1, TP_udhi 1, Msg_Fmt 1, Msg_src 6, FeeType 2, FeeCode 6, ValId_Time 17,
    At_Time 17, Src_Id 21, DestUsr_tl 1, Dest_terminal_Id {number}, {dest_type}Msg_Length 1, Msg_Content 4, {tail}"""
CMPP_2 = CMPP_SUBMIT.format(number=21, fee_type="", dest_type="", tail="Reserve 8")
CMPP_3 = CMPP_SUBMIT.format(
    number=32, fee_type="Fee_terminal_type 1, ", dest_type="Dest_terminal_type 1, ", tail="LinkID 20"
)
CMPP_DELIVER_3 = """Msg_Id 8, Dest_Id 21, Service_Id 10, TP_pid 1, TP_udhi 1, Msg_Fmt 1, Src_terminal_Id 32,
    Src_terminal_type 1, Registered_Delivery 1, Msg_Length 1, Msg_Content 71, LinkID 20"""
CMPP_REPORT_3 = "Msg_Id 8, Stat 7, Submit_time 10, Done_time 10, Dest_terminal_Id 32, SMSC_sequence 4"
SGIP_SUBMIT = """SPNumber 21, ChargeNumber 21, UserCount 1, UserNumber 21, CorpId 5, ServiceType 10, FeeType 1,
    FeeValue 6, GivenValue 6, AgentFlag 1, MorelatetoMTFlag 1, Priority 1, ExpireTime 16, ScheduleTime 16,
    ReportFlag 1, TP_pid 1, TP_udhi 1, MessageCoding 1, MessageType 1, MessageLength 4, MessageContent 4, Reserve 8"""
SGIP_REPORT = "SubmitSequenceNumber 12, ReportType 1, UserNumber 21, State 1, ErrorCode 1, Reserve 8"
SMGP_SUBMIT = """MsgType 1, NeedReport 1, Priority 1, ServiceID 10, FeeType 2, FeeCode 6, FixedFee 6, MsgFormat 1,
    ValidTime 17, AtTime 17, SrcTermID 21, ChargeTermID 21, DestTermIDCount 1, DestTermID 21, MsgLength 1, MsgContent 4,
    Reserve 8"""
SMGP_DELIVER = """MsgID 10, IsReport 1, MsgFormat 1, RecvTime 14, SrcTermID 21, DestTermID 21, MsgLength 1,
    MsgContent 4, Reserve 8"""


def fields(layout: str, body: bytes) -> dict[str, bytes]:
    """The body cut along a document's table; it must be used up."""
    cut, at = {}, 0
    for each in layout.replace("\n", " ").split(","):
        name, width = each.split()
        cut[name] = body[at : at + int(width)]
        at += int(width)
    assert at == len(body), f"{len(body)} octets; the table has {at}"
    return cut


CMPP_MESSAGE = cmpp.Submit(
    total=2,
    number=1,
    service="LOAN",
    has_header=True,
    format=8,
    message_source="901234",
    fee_code="0",
    valid_until="260311090000032+",
    source="106900011",
    destination="13800001111",
    content=b"\0A\0B",
)


@pytest.mark.parametrize(("dialect", "layout"), [(cmpp.CMPP_2, CMPP_2), (cmpp.CMPP_3, CMPP_3)])
def test_cmpp_submit_has_each_field_where_its_version_has_it(dialect: cmpp.Dialect, layout: str):
    cut = fields(layout, cmpp.encode_submit(CMPP_MESSAGE, dialect))
    assert cut["Pk_total"] + cut["Pk_number"] == b"\2\1"
    assert cut["Registered_Delivery"] == b"\1"
    assert cut["Service_Id"] == b"LOAN".ljust(10, b"\0")
    assert cut["Fee_UserType"] == b"\2" and cut["FeeType"] == b"01"
    assert (cut["TP_udhi"], cut["Msg_Fmt"]) == (b"\1", b"\x08")
    assert cut["Msg_src"] == b"901234"
    assert cut["ValId_Time"] == b"260311090000032+\0"
    assert cut["Src_Id"] == b"106900011".ljust(21, b"\0")
    assert cut["DestUsr_tl"] == b"\1"
    assert cut["Dest_terminal_Id"] == b"13800001111".ljust(dialect.number, b"\0")
    assert (cut["Msg_Length"], cut["Msg_Content"]) == (b"\4", b"\0A\0B")


def test_cmpp_frame_is_length_command_sequence():
    assert encode_frame(0x8, 7) == bytes.fromhex("0000000c 00000008 00000007")


def test_cmpp_source_proves_that_it_knows_the_secret():
    expected = hashlib.md5(b"901234" + b"\0" * 9 + b"secret" + b"0301000000").digest()
    connect = cmpp.Connect("901234", cmpp.authenticator("901234", "secret", "0301000000"), 0x20, 301000000)
    assert cmpp.encode_connect(connect) == b"901234" + expected + b"\x20" + (301000000).to_bytes(4)


@pytest.mark.parametrize(("dialect", "status"), [(cmpp.CMPP_2, b"\0"), (cmpp.CMPP_3, b"\0\0\0\0")])
def test_cmpp_gateway_proves_it_too(dialect: cmpp.Dialect, status: bytes):
    proof = cmpp.gateway_authenticator(status, b"s" * 16, "secret")
    assert proof == hashlib.md5(status + b"s" * 16 + b"secret").digest()
    body = cmpp.encode_connect_answer(cmpp.ConnectAnswer(0, proof, dialect.version), dialect)
    assert body == status + proof + bytes((dialect.version,))
    assert cmpp.decode_connect_answer(body).authenticator == proof


def test_cmpp_report_is_read_from_both_widths():
    report = cmpp.Report(0x0123456789ABCDEF, "DELIVRD", "2603100900", "2603100901", "13800001111", 9)
    narrow, wide = cmpp.encode_report(report, cmpp.CMPP_2), cmpp.encode_report(report, cmpp.CMPP_3)
    assert (len(narrow), len(wide)) == (60, 71)
    assert cmpp.decode_report(narrow) == cmpp.decode_report(wide) == report
    cut = fields(CMPP_REPORT_3, wide)
    assert cut["Msg_Id"].hex() == "0123456789abcdef" and cut["Stat"] == b"DELIVRD"
    deliver = cmpp.Deliver(
        message_id=5, destination="10690001", source="13800001111", content=wide, is_report=True
    )
    cut = fields(CMPP_DELIVER_3, cmpp.encode_deliver(deliver, cmpp.CMPP_3))
    assert (cut["Registered_Delivery"], cut["Msg_Length"], cut["Msg_Content"]) == (b"\1", b"\x47", wide)


def test_sgip_sequence_number_is_node_then_time_then_counter():
    """3.4: on 20 November at 20:32:25 the second number is decimal 1120203225."""
    octets = sgip.encode_frame(sgip.Command.UNBIND, sgip.sequence_of(205502, "1120203225", 327))
    assert octets == bytes.fromhex("00000014 00000002") + b"".join(
        number.to_bytes(4) for number in (205502, 1120203225, 327)
    )
    assert sgip.decode_frame(octets).sequence == sgip.sequence_of(205502, "1120203225", 327)


def test_sgip_submit_has_each_field_where_the_table_has_it():
    submit = sgip.Submit(
        source="10690001",
        user="8613000001111",
        company="12345",
        service="LOAN",
        expires="260311090000032+",
        has_header=True,
        content=b"\0A\0B",
    )
    cut = fields(SGIP_SUBMIT, sgip.encode_submit(submit))
    assert cut["SPNumber"] == b"10690001".ljust(21, b"\0")
    assert cut["ChargeNumber"] == b"0" * 21, "the SP pays"
    assert cut["UserCount"] + cut["UserNumber"] == b"\1" + b"8613000001111".ljust(21, b"\0")
    assert (cut["CorpId"], cut["ServiceType"]) == (b"12345", b"LOAN".ljust(10, b"\0"))
    assert cut["MorelatetoMTFlag"] == b"\2" and cut["ReportFlag"] == b"\1"
    assert cut["ExpireTime"] == b"260311090000032+"
    assert (cut["TP_udhi"], cut["MessageCoding"]) == (b"\1", b"\x08")
    assert (cut["MessageLength"], cut["MessageContent"]) == (b"\0\0\0\4", b"\0A\0B")
    assert sgip.decode_submit(sgip.encode_submit(submit)) == submit


def test_sgip_report_names_the_submit_by_its_sequence_number():
    submit = sgip.sequence_of(3010012345, "0310090000", 0x12345678).to_bytes(12)
    body = sgip.encode_report(sgip.Report(submit, 0, "8613000001111", 2, 29))
    cut = fields(SGIP_REPORT, body)
    assert cut["SubmitSequenceNumber"] == submit and (cut["State"], cut["ErrorCode"]) == (b"\2", b"\x1d")
    assert sgip.decode_report(body) == sgip.Report(submit, 0, "8613000001111", 2, 29)


def test_sgip_bind_is_42_octets():
    body = sgip.encode_bind(sgip.Bind(1, "sp", "pw"))
    assert body == b"\1" + b"sp".ljust(16, b"\0") + b"pw".ljust(16, b"\0") + bytes(8)
    assert sgip.decode_bind(body) == sgip.Bind(1, "sp", "pw")


def test_smgp_timestamp_is_the_documents_example():
    """6.2.4: 1 March 0:00:00 is 0301000000, as a number 11F0E540."""
    login = smgp.Login(
        "12345678", smgp.authenticator("12345678", "secret", "0301000000"), 2, int("0301000000")
    )
    expected = hashlib.md5(b"12345678" + b"\0" * 7 + b"secret" + b"0301000000").digest()
    assert smgp.encode_login(login) == b"12345678" + expected + b"\2" + bytes.fromhex("11F0E540") + b"\x30"
    assert smgp.decode_login(smgp.encode_login(login)) == login


def test_smgp_server_proves_that_it_knows_the_secret():
    expected = hashlib.md5(b"\0\0\0\0" + b"c" * 16 + b"secret").digest()
    assert smgp.server_authenticator(0, b"c" * 16, "secret") == expected


def test_smgp_submit_has_each_field_where_the_table_has_it_and_parameters_behind():
    submit = smgp.Submit(
        service="LOAN",
        valid_until="260311090000032+",
        source="10690001",
        destination="13300001111",
        content="还款".encode("gbk"),
    )
    cut = fields(SMGP_SUBMIT, smgp.encode_submit(submit))
    assert cut["MsgType"] + cut["NeedReport"] == b"\6\1"
    assert (cut["ServiceID"], cut["FeeType"], cut["MsgFormat"]) == (b"LOAN".ljust(10, b"\0"), b"00", b"\x0f")
    assert cut["DestTermIDCount"] + cut["DestTermID"] == b"\1" + b"13300001111".ljust(21, b"\0")
    assert (cut["MsgLength"], cut["MsgContent"].decode("gb18030")) == (b"\4", "还款")
    part = replace(submit, tlvs={smgp.Tag.TP_UDHI: b"\1", smgp.Tag.PK_TOTAL: b"\2"})
    assert smgp.encode_submit(part).endswith(bytes.fromhex("0002 0001 01  0009 0001 02"))
    assert smgp.decode_submit(smgp.encode_submit(part)) == part


def test_smgp_report_holds_its_id_as_ten_octets():
    """6.2.26: the id of a message taken on 16 January at 17:00 by gateway 010061."""
    message_id = bytes.fromhex("01006101161700012345")
    content = (
        b"id:"
        + message_id
        + (b" sub:001 dlvrd:001 Submit date:2601161700 done date:2601161701 stat:DELIVRD err:000 Text:017")
    )
    report = smgp.Report(message_id, "DELIVRD", "000", "2601161700", "2601161701")
    assert smgp.decode_report(content) == report
    assert smgp.decode_report(content.replace(message_id, message_id.hex().encode())) == report
    assert smgp.decode_report(smgp.encode_report(report)) == report


def test_words_that_a_person_wrote_cannot_change_a_report():
    message_id = bytes.fromhex("01006101161700012345")
    content = b"id:" + message_id + b" stat:UNDELIV err:004 Text:017 stat:DELIVRD err:000"
    assert smgp.decode_report(content)[1:3] == ("UNDELIV", "004")


def test_smgp_deliver_has_each_field_where_the_table_has_it():
    deliver = smgp.Deliver(
        message_id=b"m" * 10,
        source="13300001111",
        destination="10690001",
        content=b"STOP",
        received="20260310090000",
    )
    cut = fields(SMGP_DELIVER, smgp.encode_deliver(deliver))
    assert (cut["MsgID"], cut["IsReport"], cut["RecvTime"]) == (b"m" * 10, b"\0", b"20260310090000")
    assert smgp.decode_deliver(smgp.encode_deliver(deliver)) == deliver


def test_field_that_does_not_fit_is_refused_before_the_wire():
    with pytest.raises(ValueError, match="Src_Id of 22 octets; at most 21"):
        cmpp.encode_submit(replace(CMPP_MESSAGE, source="1" * 22), cmpp.CMPP_2)


def test_repr_shows_nothing_personal():
    shown = repr(CMPP_MESSAGE) + repr(cmpp.Deliver(message_id=1, destination="1", source="138", content=b"x"))
    assert "138" not in shown and "content" not in shown


DECODERS: list[Callable[[bytes], object]] = [
    lambda octets: cmpp.decode_frame(octets, cmpp.CMPP_2),
    lambda octets: cmpp.decode_frame(octets, cmpp.CMPP_3),
    lambda octets: cmpp.decode_deliver(octets, cmpp.CMPP_2),
    lambda octets: cmpp.decode_deliver(octets, cmpp.CMPP_3),
    lambda octets: cmpp.decode_submit(octets, cmpp.CMPP_3),
    cmpp.decode_connect,
    cmpp.decode_connect_answer,
    cmpp.decode_report,
    sgip.decode_frame,
    sgip.decode_bind,
    sgip.decode_submit,
    sgip.decode_deliver,
    sgip.decode_report,
    smgp.decode_frame,
    smgp.decode_login,
    smgp.decode_login_answer,
    smgp.decode_submit,
    smgp.decode_deliver,
    smgp.decode_report,
]


@given(st.sampled_from(DECODERS), st.binary(max_size=300), st.sampled_from([b"", b"id:"]))
def test_no_octets_make_a_decoder_fail_otherwise_than_it_says(
    decode: Callable[[bytes], object], octets: bytes, beginning: bytes
):
    try:
        decode(beginning + octets)
    except DecodeError as error:
        assert len(octets) < 4 or octets.hex() not in str(error), "fewer are found in any sentence"


@given(st.integers(0, 186))
def test_a_body_cut_short_is_told(cut: int):
    body = cmpp.encode_submit(CMPP_MESSAGE, cmpp.CMPP_3)
    with pytest.raises(DecodeError):
        cmpp.decode_submit(body[:cut], cmpp.CMPP_3)
