from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smtp.message import AddressError, ascii_domain, build_message

from .conformance import message_to

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)


def built(outgoing, now=NOW):
    octets, _ = build_message(outgoing, "远东消费金融", "reminders@lender.example", "lender.example", now)
    return octets, email.message_from_bytes(octets, policy=email.policy.default)


@given(text, text)
def test_any_text_and_subject_come_out_as_they_went_in(body: str, subject: str):
    octets, message = built(replace(message_to("wangwei@borrower.example", body), subject=subject))
    assert octets.isascii() and max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert message.get_content().rstrip("\r\n") == body.rstrip("\r\n")
    assert "".join(message["Subject"].split()) == "".join(subject.split())


def test_long_unsubscribe_link_is_left_as_it_is():
    link = "<https://pay.lender.example/unsubscribe/" + "a1B2c3D4" * 20 + ">"
    octets, _ = built(
        message_to(
            "wangwei@borrower.example",
            headers={
                "List-Unsubscribe": f"{link}, <mailto:stop@lender.example>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )
    )
    assert link.encode() in octets
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in octets


def test_date_is_the_attempts_own_before_that_of_the_clock():
    own = "Mon, 02 May 2005 08:00:00 +0800"
    assert built(message_to("w@b.example", headers={"Date": own}))[1]["Date"].datetime.year == 2005
    assert built(message_to("w@b.example"))[1]["Date"].datetime == NOW
    assert built(message_to("w@b.example"), now=None)[1]["Date"] is None


def test_html_comes_as_an_alternative_to_the_text():
    _, message = built(message_to("w@b.example", "plain", html="<p>还款</p>"))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_message_id_is_the_attempt():
    outgoing = message_to("w@b.example")
    assert built(outgoing)[1]["Message-ID"] == f"<{outgoing.attempt_id.hex}@lender.example>"


@given(st.text(max_size=40))
def test_any_address_is_either_sent_to_or_refused(address: str):
    try:
        outgoing = message_to(ascii_domain(address))
        octets, _ = built(outgoing)
    except AddressError:
        return
    head = octets.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    assert head.count("\r\nSubject:") == 1 and head.count("\r\nBcc:") == 0
