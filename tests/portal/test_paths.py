"""Every path of the pages, as a visitor walks it, and what it leaves in the book."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from duecourse.dispatch.links import Wanted, mint_links
from duecourse.privacy.sealing import open_value
from lender import borrower_id_of
from visiting import ANSWER, ID_NUMBER, Portal, hidden
from workers import wait_for

ALL = [
    "/me", "/me/history", "/me/paid", "/me/promise", "/me/dispute", "/me/preferences", "/me/stop", "/me/contact",
    "/me/data", "/me/certificate", "/me/leave", "/check", "/check/certificate", "/display", "/", "/bye",
]  # fmt: skip
HEARD = """
    SELECT r.intents, r.promised_on::text, r.amount_minor, p.response_id, p.text_sealed
    FROM response p JOIN response_reading r USING (lane, response_id) WHERE p.borrower_id = %s
    ORDER BY p.said_at, r.reading
"""
CODES = "SELECT count(*) FROM message WHERE borrower_id = %s AND step = 'verify-address'"
OF_ONE_LOAN = """
    INSERT INTO message_item (lane, loan_id, number, borrower_id, policy, step, anchor_on, group_id, policy_version,
        rank, template, template_version, own_template, own_template_version, names_amount)
    SELECT m.lane, l.loan_id, 1, m.borrower_id, m.policy, m.step, '2026-03-10', m.group_id, 1, 1, m.template, 1,
           m.template, 1, true
    FROM message m JOIN loan l ON l.lane = m.lane AND l.loan_ref = %s WHERE m.borrower_id = %s"""
"""The messages of a borrower were about one loan."""


def heard(portal: Portal, borrower: str) -> list[tuple[object, ...]]:
    """What was recorded of a borrower's answers: intents, day, amount, words."""
    found = []
    for intents, on, amount, response_id, sealed in portal.rows(HEARD, borrower_id_of(borrower)):
        text = open_value(portal.lender.keyring, sealed, "response", "text", response_id) if sealed else ""
        found.append((intents, on, amount, text))
    return found


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
def test_every_page_is_there_in_every_language(portal: Portal, borrow: str, language: str) -> None:
    visitor = portal.visitor(borrow)
    visitor.post("/display", language=language, large="1", back="/me")
    for path in ALL:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{language}"' in answer.text and 'class="large"' in answer.text, path


def test_a_link_shows_the_lender_and_a_question_and_nothing_of_the_borrower(
    portal: Portal, borrow: str
) -> None:
    page = portal.visitor().get(portal.link(borrow))
    assert "Harbour Bank" in page.text and "last 6 characters of your ID number" in page.text
    for personal in ("Test Person", "1,234.56", "HT-", "10 March", "1390000", "**1111", "person@example"):
        assert personal not in page.text


def test_who_is_not_seen_to_be_a_person_gets_a_page_with_nothing_in_it(portal: Portal, borrow: str) -> None:
    preview = portal.visitor(**{"user-agent": "WhatsApp/2.23.20.0"})
    page = preview.get(portal.link(borrow))
    assert page.status_code == 200 and "answer" not in page.text and "ID number" not in page.text


def test_a_person_taken_for_a_program_gets_in_all_the_same(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(**{"user-agent": "WhatsApp/2.23.20.0"})
    path = portal.link(borrow)
    page = visitor.get(path).text
    asked = visitor.send(path, csrf=hidden(page, "csrf"), request=hidden(page, "request"))
    assert "last 6 characters of your ID number" in asked.text
    inside = visitor.send(path, csrf=hidden(asked.text, "csrf"), question="id-last-6", answer=ANSWER)
    assert inside.headers["location"] == "/me"


def test_a_wrong_answer_says_how_many_are_left_and_the_last_one_locks(portal: Portal, borrow: str) -> None:
    visitor, path = portal.visitor(), portal.link(borrow)
    said = [visitor.post(path, question="id-last-6", answer="000000") for _ in range(5)]
    assert "You have 4 tries left" in said[0].text and said[0].status_code == 422
    assert "You have 1 try left" in said[3].text
    assert said[4].status_code == 429 and "Locked for your safety" in said[4].text
    assert visitor.post(path, question="id-last-6", answer=ANSWER).status_code == 429


def test_i_have_paid_is_heard_with_day_and_reference(portal: Portal, borrow: str) -> None:
    answer = portal.visitor(borrow).post(
        "/me/paid", on="2026-03-08", way="transfer", amount="1,234.56", reference="TX 77"
    )
    assert answer.headers["location"] == "/me?done=answers.paid_done"
    assert heard(portal, borrow) == [
        (["paid"], None, 123456, "2026-03-08 · Bank transfer · CN¥1,234.56 · TX 77")
    ]


def test_a_promise_is_heard_with_its_day_and_the_bill_says_so(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    assert visitor.post("/me/promise", on="2026-03-15", amount="500").status_code == 303
    assert heard(portal, borrow) == [(["will-pay"], "2026-03-15", 50000, "")]
    assert "You told us that you will pay" in visitor.get("/me").text


def test_one_promise_too_many_is_said_to_wait_for_a_person(portal: Portal, borrow: str) -> None:
    """The policy lets two in a row pause (`promises_in_a_row`)."""
    began, said = portal.now, []
    for days in (0, 4, 8):
        portal.now = began + timedelta(days=days)
        on = f"{portal.now + timedelta(days=1):%Y-%m-%d}"
        said.append(portal.visitor(borrow).post("/me/promise", on=on).headers["location"].rpartition("=")[2])
    portal.now = began  # the day of the other tests
    assert said == ["answers.promise_done", "answers.promise_done", "answers.promise_waits"]


def test_a_promise_keeps_to_the_days_the_policy_allows(portal: Portal, borrow: str) -> None:
    for on in ("2026-03-08", "2026-03-24", "31/02/2026", "", "9999999999-1-1"):
        answer = portal.visitor(borrow).post("/me/promise", on=on)
        assert answer.status_code == 422 and 'href="#on"' in answer.text, on
    assert heard(portal, borrow) == []


@pytest.mark.parametrize("everything", [True, False])
def test_an_answer_is_about_the_debt_that_was_chosen_and_not_about_the_message_it_came_by(
    portal: Portal, borrow: str, everything: bool
) -> None:
    portal.lender.book("loan due_on\n" + f"HT-second-{borrow} 2026-03-10", borrower=borrow)
    visitor = portal.visitor(borrow)
    with portal.lender.conn.transaction():
        portal.lender.conn.execute(OF_ONE_LOAN, (f"HT-{borrow}", borrower_id_of(borrow)))
    ((second,),) = portal.rows("SELECT loan_id FROM loan WHERE loan_ref = %s", f"HT-second-{borrow}")
    visitor.post("/me/promise", debt="CNY" if everything else str(second), on="2026-03-12")
    promised = portal.rows("SELECT loan_id FROM promise WHERE borrower_id = %s", borrower_id_of(borrow))
    assert promised == [(None if everything else second,)]


def test_a_dispute_is_heard_and_the_bill_says_so(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    told = "The fee\r\nwas never agreed."
    assert visitor.post("/me/dispute", wrong="terms", text=told).status_code == 303
    assert heard(portal, borrow) == [
        (["dispute"], None, None, "It is not what was agreed\nThe fee\nwas never agreed.")
    ]
    assert "We are looking into it" in visitor.get("/me").text


def test_a_loan_in_somebodys_stead_is_identity_theft(portal: Portal, borrow: str) -> None:
    portal.visitor(borrow).post("/me/dispute", wrong="fraud", text="Not me.")
    assert heard(portal, borrow)[0][0] == ["identity-theft"]


def test_the_history_shows_every_text_and_whether_it_arrived(portal: Portal, borrow: str) -> None:
    portal.link(borrow, "Your bill of <b>March</b> is due.")
    page = portal.visitor(borrow).get("/me/history").text
    assert "Your bill of &lt;b&gt;March&lt;/b&gt; is due." in page and "SMS" in page and ">sent<" in page


def test_preferences_are_wishes_in_the_book(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    fields = {
        "channel": ["sms"],
        "from": "10:00",
        "to": "18:00",
        "day": ["mon", "sat"],
        "language": "zh-CN",
        "large": "1",
    }
    assert (
        visitor.post("/me/preferences", **fields).headers["location"]
        == "/me/preferences?done=preferences.saved"
    )
    wishes = portal.rows(
        "SELECT kind, wish FROM preference WHERE borrower_id = %s ORDER BY kind", borrower_id_of(borrow)
    )
    assert wishes == [
        ("channel", {"refused": ["email", "voice"]}),
        ("hours", {"days": ["mon", "sat"], "from": "10:00", "to": "18:00"}),
        ("language", {"language": "zh-CN"}),
        ("large-type", {"wanted": True}),
    ]
    page = visitor.get("/me/preferences").text
    assert '<html lang="zh-CN" dir="ltr" class="large">' in page and "<option selected>10:00</option>" in page


def test_hours_that_end_before_they_begin_are_not_saved(portal: Portal, borrow: str) -> None:
    fields = {"channel": ["sms"], "from": "18:00", "to": "10:00", "day": ["mon"], "language": "en"}
    answer = portal.visitor(borrow).post("/me/preferences", **fields)
    assert answer.status_code == 422 and "the second after the first" in answer.text


def test_a_stop_holds_at_once_and_can_be_taken_back(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    assert visitor.post("/me/stop", scope="sms").status_code == 303
    page = visitor.get("/me/stop").text
    portal.now += timedelta(minutes=1)
    assert "Begin again: SMS" in page and 'value="sms"' in page
    assert (
        visitor.send("/me/stop", csrf=hidden(page, "csrf"), request=str(uuid4()), again="sms").status_code
        == 303
    )
    assert "You have stopped" not in visitor.get("/me/stop").text


def test_a_stop_is_confirmed_once_to_the_address_it_silences(portal: Portal, borrow: str) -> None:
    first = portal.lender.contact_point(borrow, "sms", "+8613900007777", rank=0)
    visitor = portal.visitor(borrow)
    page = visitor.get("/me/stop").text
    fields = {"csrf": hidden(page, "csrf"), "request": hidden(page, "request"), "scope": "sms"}
    assert [visitor.send("/me/stop", **fields).status_code for _ in range(2)] == [303, 303]
    visitor.post("/me/stop", scope="everything")
    query = "SELECT purpose, route, to_point FROM message WHERE borrower_id = %s AND confirms IS NOT NULL"
    assert portal.rows(query, borrower_id_of(borrow)) == [("confirmation", ["sms"], first)]


def test_the_export_holds_what_is_mine_opened_and_nothing_of_others(portal: Portal, borrow: str) -> None:
    portal.lender.book(
        "loan due_on name\nHT-other 2026-03-10 Somebody", borrower="B-other", id_number="440106199001011234"
    )
    visitor = portal.visitor(borrow)
    visitor.post("/me/dispute", wrong="other", text="my own words")
    answer = visitor.post("/me/data")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    found = json.loads(answer.text)["records"]
    assert found["borrower"][0]["name"] == "Test Person" and found["borrower"][0]["id_number"] == ID_NUMBER
    assert {one["address"] for one in found["contact_point"]} == {"+8613900001111", "person@example.com"}
    assert found["installment"][0]["due_minor"] == 123456 and found["attempt"][0]["text"]["text"]
    assert "my own words" in found["response"][0]["text"] and found["link"] and found["message"]
    assert "Somebody" not in answer.text and "440106199001011234" not in answer.text
    assert "_sealed" not in answer.text and "\\\\x" not in answer.text


def test_signing_out_ends_the_visit(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    token = visitor.client.cookies["__Host-visit"]
    assert visitor.post("/me/leave").headers["location"] == "/bye"
    visitor.client.cookies.set("__Host-visit", token, domain="pay.example")
    assert visitor.get("/me").status_code == 403


def test_a_new_number_is_used_once_its_code_has_come_back(portal: Portal, borrow: str) -> None:
    portal.lender.name_in_directory(borrow)
    visitor, person = portal.visitor(borrow), borrower_id_of(borrow)
    sent = visitor.post("/me/contact", kind="phone", address="139 1111 2222")
    assert sent.headers["location"] == "/me/contact?done=contact.sent"
    assert "+86139****2222" in visitor.get("/me/contact").text
    query = (
        "SELECT lane, message_id, to_point FROM message WHERE borrower_id = %s AND step = 'verify-address'"
    )
    ((lane, message, point),) = portal.rows(query, person)
    wanted = Wanted(uuid4(), message, lane, person, "sms", point, "status", "en", 90)
    code = mint_links(portal.lender.conn, portal.lender.keyring, [wanted], now=portal.now)[wanted.attempt_id]
    portal.lender.conn.commit()
    assert "This code is not right" in visitor.post("/me/contact", do="code", code="00000000").text
    page = visitor.get("/me/contact").text
    fields = {"csrf": hidden(page, "csrf"), "request": hidden(page, "request"), "do": "code", "code": code}
    said = [visitor.send("/me/contact", **fields).headers.get("location") for _ in range(2)]
    assert said == ["/me/contact?done=contact.confirmed"] * 2
    assert "From now on we use the new number" in visitor.get("/me/contact?done=contact.confirmed").text
    points = "SELECT state, retired_reason FROM contact_point WHERE borrower_id = %s AND channel = 'sms' ORDER BY 1"
    assert portal.rows(points, person) == [("active", None), ("retired", "replaced")]


def test_only_so_many_codes_are_sent_in_a_day(portal: Portal, borrow: str) -> None:
    """Each form pressed twice; what the fourth says is said of no press of the others."""
    visitor, said = portal.visitor(borrow), []
    for n in range(4):
        page = visitor.get("/me/contact").text
        fields = {"csrf": hidden(page, "csrf"), "request": hidden(page, "request"), "kind": "phone"}
        said += [visitor.send("/me/contact", address=f"1391111{n:04d}", **fields) for _ in range(2)]
    assert [answer.status_code for answer in said] == [303] * 6 + [422] * 2
    assert "No more codes can be sent today" in said[7].text
    assert portal.rows(CODES, borrower_id_of(borrow)) == [(3,)]


def at_once(portal: Portal, send: Callable[[int], int]) -> list[int]:
    """The statuses of four forms, all of them begun before any can plan a message."""
    waiting = """SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()"""
    with ThreadPoolExecutor(4) as threads:
        with portal.lender.conn.transaction():
            portal.lender.conn.execute("LOCK TABLE message IN SHARE MODE")
            sent = [threads.submit(send, n) for n in range(4)]

            def all_wait() -> bool:
                portal.lender.conn.execute("SELECT pg_stat_clear_snapshot()")
                return portal.lender.conn.execute(waiting).fetchone() == (4,)

            wait_for(all_wait, 60)
        return sorted(one.result() for one in sent)


def test_no_more_codes_are_sent_for_forms_sent_at_once(portal: Portal, borrow: str) -> None:
    visitors = [portal.visitor(borrow) for _ in range(4)]
    pages = [visitor.get("/me/contact").text for visitor in visitors]

    def send(n: int) -> int:
        fields = {"csrf": hidden(pages[n], "csrf"), "request": hidden(pages[n], "request"), "kind": "phone"}
        return int(visitors[n].send("/me/contact", address=f"1391111{n:04d}", **fields).status_code)

    assert at_once(portal, send) == [303, 303, 303, 422]
    assert portal.rows(CODES, borrower_id_of(borrow)) == [(3,)]


def test_no_code_is_promised_to_whom_no_message_can_speak_of_a_loan(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    with portal.lender.conn.transaction():
        portal.lender.conn.execute(
            "DELETE FROM installment WHERE borrower_id = %s", (borrower_id_of(borrow),)
        )
    answer = visitor.post("/me/contact", kind="phone", address="13911112222")
    assert answer.status_code == 422 and "please call us" in answer.text
    assert "Enter the code" not in visitor.get("/me/contact").text


@pytest.mark.parametrize(
    ("kind", "address"),
    [("phone", "123"), ("phone", "x@example.com"), ("email", "+8613911112222"), ("fax", "1")],
)
def test_what_is_no_address_is_told_and_plans_nothing(
    portal: Portal, borrow: str, kind: str, address: str
) -> None:
    assert portal.visitor(borrow).post("/me/contact", kind=kind, address=address).status_code == 422
    assert portal.rows(CODES, borrower_id_of(borrow)) == [(0,)]


def test_head_asks_for_nothing_and_is_no_click_of_a_person(portal: Portal, borrow: str) -> None:
    path = portal.link(borrow)
    assert portal.visitor().client.head(path).status_code == 200
    clicks = "SELECT told FROM click JOIN link USING (lane, code_hash) WHERE owner_id = %s"
    assert portal.rows(clicks, borrower_id_of(borrow)) == [("scanner",)]


def test_a_code_is_ours_or_not(portal: Portal, borrow: str) -> None:
    code = portal.link(borrow).removeprefix("/l/")
    visitor = portal.visitor()
    ours = visitor.post("/check", code=f" {code} ")
    assert "Harbour Bank sent a notice with this code on 9 March" in ours.text
    assert "Test" not in ours.text and "1,234" not in ours.text
    assert "We did not send this" in visitor.post("/check", code="Zz00Zz00").text
