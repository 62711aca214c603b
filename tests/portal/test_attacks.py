"""The list of attacks on the borrower's pages, each tried, with what became of it."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid4, uuid5

import pytest
from structlog.testing import capture_logs

from lender import borrower_id_of
from sent_links import PHONE
from visiting import ANSWER, ID_NUMBER, PUBLIC, Portal, hidden

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
INJECTIONS = {
    "html": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "template": "{{ 7919*7907 }}{% for x in ().__class__.__bases__ %}{% endfor %}${7919*7907}{0.__class__}",
    "sql": "'; DROP TABLE borrower; -- %s %(lane)s",
    "log": "x\r\n2026-03-09 [error] forged line\x1b[31m\x00",
    "header": "x\r\nSet-Cookie: visit=stolen\r\n\r\n<html>",
    "formula": '=HYPERLINK("http://evil.example")',
    "bidi": "\u202egnp.exe\u0000",
}
FORMS = {
    "/me/paid": {"on": "2026-03-08", "way": "transfer", "amount": "5", "reference": "r", "debt": "x"},
    "/me/promise": {"on": "2026-03-12", "amount": "5", "debt": "x"},
    "/me/dispute": {"wrong": "other", "text": "t", "debt": "x"},
    "/me/preferences": {"channel": "sms", "from": "", "to": "", "day": "mon", "language": "en", "large": ""},
    "/me/stop": {"scope": "sms", "again": ""},
    "/me/contact": {"kind": "phone", "address": "+8613911112222", "do": "", "code": ""},
    "/me/data": {},
    "/display": {"language": "en", "large": "0", "back": "/me"},
    "/check": {"code": "abc"},
}  # fmt: skip
SIGNED_IN = [path for path in FORMS if path.startswith("/me/")]


def count(portal: Portal, borrower: str) -> int:
    """Everything that a form could have left of a borrower."""
    query = """SELECT (SELECT count(*) FROM response WHERE borrower_id = %(b)s)
                      + (SELECT count(*) FROM preference WHERE borrower_id = %(b)s)
                      + (SELECT count(*) FROM consent WHERE borrower_id = %(b)s)
                      + (SELECT count(*) FROM message WHERE borrower_id = %(b)s AND step = 'verify-address')"""
    with portal.lender.conn.transaction():
        row = portal.lender.conn.execute(query, {"b": borrower_id_of(borrower)}).fetchone()
    assert row
    return int(row[0])


def test_guessing_links_is_stopped_after_a_few(portal: Portal) -> None:
    guesser = portal.visitor()
    said = [guesser.get(f"/l/guess{n:03d}").status_code for n in range(8)]
    assert said[0] == 404 and said[-1] == 429


@pytest.mark.parametrize(
    "code", ["", "%00", "..%2f..%2fme", "a" * 5000, "<script>", "%E6%9C%88", "' OR 1=1--"]
)
def test_a_link_that_is_no_code_says_nothing(portal: Portal, code: str) -> None:
    answer = portal.visitor().get(f"/l/{code}")
    assert answer.status_code in (404, 405)
    assert "<script>" not in answer.text


def test_without_a_visit_no_page_opens_and_no_form_is_taken(portal: Portal) -> None:
    stranger = portal.visitor()
    for path in SIGNED_IN:
        assert stranger.get(path).status_code == 403, path
        assert stranger.send(path, **FORMS[path]).status_code == 403, path


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "https://pay.example.evil.example"},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
    ],
)
def test_a_form_from_another_site_is_refused(portal: Portal, borrow: str, headers: dict[str, str]) -> None:
    visitor = portal.visitor(borrow)
    csrf = hidden(visitor.get("/me/dispute").text, "csrf")
    before = count(portal, borrow)
    body = f"csrf={csrf}&wrong=other&text=forged"
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}
    answer = visitor.client.post("/me/dispute", content=body, headers=sent)
    assert answer.status_code == 403 and count(portal, borrow) == before


def test_a_form_needs_the_token_of_its_own_visit(portal: Portal, borrow: str) -> None:
    visitor, other = portal.visitor(borrow), portal.visitor(borrow)
    theirs = hidden(other.get("/me/dispute").text, "csrf")
    before = count(portal, borrow)
    for path in [*SIGNED_IN, "/display", "/check"]:
        for csrf in ("", "0" * 32, theirs, "é"):
            assert visitor.send(path, **(FORMS[path] | {"csrf": csrf})).status_code == 403, (path, csrf)
        assert visitor.send(path, **FORMS[path]).status_code == 403, path
    assert count(portal, borrow) == before


def test_the_form_of_the_question_is_bound_to_the_browser_that_was_asked(portal: Portal, borrow: str) -> None:
    path = portal.link(borrow)
    csrf = hidden(portal.visitor().get(path).text, "csrf")
    answer = portal.visitor().send(path, csrf=csrf, question="id-last-6", answer=ANSWER)
    assert answer.status_code == 403 and "__Host-visit" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize("kind", INJECTIONS)
def test_what_is_typed_is_text_everywhere(portal: Portal, borrow: str, kind: str) -> None:
    """In every field of every form at once: escaped where it is shown again, in no header and no log."""
    bad = INJECTIONS[kind]
    visitor = portal.visitor(borrow)
    for path, fields in FORMS.items():
        page = visitor.get(path).text
        typed = dict.fromkeys(fields, bad) | {"csrf": hidden(page, "csrf"), "request": str(uuid4())}
        with capture_logs() as logged:
            answer = visitor.send(path, **typed)
        assert answer.status_code in (200, 303, 422), path
        assert "<script>" not in answer.text and "<img" not in answer.text, path
        assert "62615533" not in answer.text, path
        assert "evil" not in answer.headers.get("location", "") and "stolen" not in str(answer.headers), path
        assert bad[:8] not in repr(logged), path
    assert portal.rows("SELECT count(*) > 0 FROM borrower") == [(True,)]


@pytest.mark.parametrize("kind", INJECTIONS)
def test_words_of_a_dispute_are_kept_as_they_were_and_shown_escaped(
    portal: Portal, borrow: str, kind: str
) -> None:
    visitor = portal.visitor(borrow)
    assert visitor.post("/me/dispute", wrong="other", text=INJECTIONS[kind]).status_code == 303
    kept = visitor.post("/me/data").json()["records"]["response"][0]["text"]
    assert kept.split("\n", 1)[1].replace("\n", "") == "".join(
        sign for sign in INJECTIONS[kind] if sign >= " " and sign != "\x7f"
    )


def test_an_over_long_body_is_refused_unread(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    before = count(portal, borrow)
    assert visitor.post("/me/dispute", wrong="other", text="x" * 40_000).status_code == 413
    assert visitor.post("/me/dispute", wrong="other", text="x" * 2001).status_code == 422
    many = "&".join(f"a{n}=1" for n in range(200))
    sent = {"content-type": "application/x-www-form-urlencoded"}
    assert visitor.client.post("/me/dispute", content=many, headers=sent).status_code == 400
    assert visitor.client.post("/me/dispute", content=b"\xff\xfe=%%%", headers=sent).status_code == 400
    assert count(portal, borrow) == before


def test_nobody_answers_for_a_loan_of_somebody_else(portal: Portal, borrow: str) -> None:
    portal.lender.book("loan due_on\nHT-victim 2026-03-10", borrower="B-victim", id_number=ID_NUMBER)
    portal.lender.book("loan due_on\nHT-second-of-mine 2026-03-10", borrower=borrow)
    theirs = str(uuid5(NAMESPACE_OID, "loan/HT-victim"))
    visitor = portal.visitor(borrow)
    for path in ("/me/paid", "/me/promise", "/me/dispute"):
        answer = visitor.post(path, **(FORMS[path] | {"debt": theirs}))
        assert answer.status_code == 422 and 'href="#debt"' in answer.text, path
    assert count(portal, "B-victim") == 0


def test_the_id_of_somebody_elses_form_is_not_theirs(portal: Portal, borrow: str) -> None:
    """The same request id from two visitors is two answers; nobody's can be taken, or kept from being given."""
    portal.lender.book("loan due_on\nHT-neighbour 2026-03-10", borrower="B-neighbour", id_number=ID_NUMBER)
    request = str(uuid4())
    for who in (borrow, "B-neighbour"):
        assert (
            portal.visitor(who).post("/me/dispute", request=request, wrong="other", text="mine").status_code
            == 303
        )
    assert count(portal, borrow) == count(portal, "B-neighbour") == 1


def test_a_form_pressed_twice_does_one_thing(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    page = visitor.get("/me/promise").text
    fields = {"csrf": hidden(page, "csrf"), "request": hidden(page, "request"), "on": "2026-03-12"}
    assert [visitor.send("/me/promise", **fields).status_code for _ in range(3)] == [303] * 3
    assert count(portal, borrow) == 1


def test_a_form_changed_after_going_back_is_heard_anew(portal: Portal, borrow: str) -> None:
    """A browser that kept the page shows it again with the id it had."""
    visitor = portal.visitor(borrow)
    page = visitor.get("/me/promise").text
    fields = {"csrf": hidden(page, "csrf"), "request": hidden(page, "request")}
    for on in ("2026-03-12", "2026-03-14"):
        portal.now += timedelta(seconds=1)
        assert visitor.send("/me/promise", on=on, **fields).status_code == 303
    query = "SELECT promised_on::text FROM promise WHERE borrower_id = %s ORDER BY said_at"
    assert portal.rows(query, borrower_id_of(borrow)) == [("2026-03-12",), ("2026-03-14",)]


def test_a_code_for_another_address_of_another_person_confirms_nothing(portal: Portal, borrow: str) -> None:
    code = portal.link(borrow).removeprefix("/l/")
    answer = portal.visitor(borrow).post("/me/contact", do="code", code=code)
    assert answer.status_code == 200 or "not right" in answer.text
    assert portal.rows(
        "SELECT count(*) FROM contact_point WHERE borrower_id = %s AND verified_how = 'code'",
        borrower_id_of(borrow),
    ) == [(0,)]


def test_the_cookie_of_an_ended_visit_opens_nothing(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    stolen = visitor.client.cookies["__Host-visit"]
    visitor.post("/me/leave")
    thief = portal.visitor()
    for token in (stolen, "0" * 43, "", "x" * 4000):
        thief.client.cookies.set("__Host-visit", token, domain="pay.example")
        assert thief.get("/me").status_code == 403


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/me\r\nLocation: x",
        "/me?x=//e",
        "",
    ],
)
def test_nobody_is_sent_to_another_site(portal: Portal, borrow: str, back: str) -> None:
    answer = portal.visitor(borrow).post("/display", language="en", large="0", back=back)
    assert answer.status_code == 303 and answer.headers["location"] == "/me"


def test_the_word_that_is_said_once_is_one_of_ours(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    for done in ("<b>Pay+to+evil</b>", "nothing.there", "bill.when_late", "frame.amount_beyond", "__class__"):
        page = visitor.get(f"/me?done={done}")
        assert page.status_code == 200 and 'class="done"' not in page.text, done


def test_every_page_keeps_to_itself(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    for path in ("/me", "/me/history", "/check", "/me/nothing", "/l/unknown1", "/display", "/bye"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store", path
        assert headers["x-content-type-options"] == "nosniff", path


def test_the_visits_cookie_is_the_servers_alone(portal: Portal, borrow: str) -> None:
    visitor, path = portal.visitor(), portal.link(borrow)
    cookie = visitor.post(path, question="id-last-6", answer=ANSWER).headers.get_list("set-cookie")
    (visit,) = [one for one in cookie if one.startswith("__Host-visit=")]
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= {
        part.strip().lower() for part in visit.split(";")
    }
    assert "domain" not in visit.lower()


def test_the_stylesheet_is_kept_and_nothing_else_is(portal: Portal) -> None:
    page = portal.visitor().get("/check").text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = portal.visitor().get(path)
    assert "immutable" in answer.headers["cache-control"] and answer.headers["content-type"].startswith(
        "text/css"
    )


def test_no_page_needs_a_script_or_another_site(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    for path in ("/me", *SIGNED_IN, "/check"):
        page = visitor.get(path).text
        assert "<script" not in page and not re.search(r"<[a-z][^>]* on[a-z]+=", page)
        assert "http://" not in page and PUBLIC not in page
        assert "style=" not in page


def test_nothing_personal_is_logged(portal: Portal, borrow: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logged:
        visitor = portal.visitor(borrow, **{"user-agent": PHONE})
        visitor.post("/me/dispute", wrong="other", text="my own words")
        visitor.post("/me/contact", kind="phone", address="+8613911112222")
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    said = repr(logged) + repr(ours)
    for personal in ("my own words", "13911112222", ANSWER, "Test Person"):
        assert personal not in said
