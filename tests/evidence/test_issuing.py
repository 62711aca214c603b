"""Settlement certificates: for which loans, what stands on them, and whether they hold."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.domain.typesetting import Typesetter
from duecourse.evidence.certificates import (
    Certificate,
    State,
    certificate_by_code,
    certificate_by_file,
    certificates_of_loan,
    code_of,
    standing_of,
    withdraw,
)
from duecourse.evidence.codes import printed, read_code
from duecourse.evidence.issuing import Issuer
from duecourse.evidence.seal import Seal
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from events_book import MAPPING, at, load, pay, reverse
from lender import Lender
from sealed_files import PUBLIC, WALL, Make, a_seal, seen_by

FULL = MAPPING.replace(
    'language = "en"',
    'language = {column = "language"}\nname = {column = "name"}\nid_number = {column = "id"}',
)
PERSON = {"language": "zh-CN", "name": "张三丰", "id": "11010519491231002X"}
STEPS = """
  - id: settled
    on: loan.settled
    purpose: confirmation
    route: [sms]
    template: settled
"""
HEAD = """
policy: test
certificates: on_settlement
applies_to: {product: [cash-loan]}
languages: [en, zh-CN]
creditors:
  "*": {name: {en: Harbour Finance, zh-CN: 海港消费金融}, contact_phone: "400-810-6688"}
products: {cash-loan: {en: cash loan, zh-CN: 现金贷}}
"""


def settle(lender: Lender, loan: str = "L-1", on: str = "2026-03-10") -> None:
    """Pay all that a loan asks for on a day, and hear of it then."""
    pay(lender, f"{loan}/{on}", amount="200.00", loan=loan, on=on, now=f"{on}T10:00+08:00")


def standing(lender: Lender, certificate: Certificate, on: str) -> tuple[str, str | None]:
    """How a certificate stands on a day, and since when it holds no more."""
    found = standing_of(lender.conn, certificate, as_of=date.fromisoformat(on))
    return found.state.value, found.since.isoformat() if found.since else None


def put_in_force(lender: Lender, head: str = HEAD) -> None:
    """Publish a policy with a step that thanks for a settled loan."""
    lender.policy(STEPS, head)
    (policy,) = lender.policies
    texts = [TemplateText("settled", language, {"sms": "Thank you."}) for language in ("en", "zh-CN")]
    publish(lender.conn, policy, Templates(texts), "", now=at("2026-01-01T00:00+08:00"), user="test")
    lender.conn.commit()


def test_a_certificate_says_who_paid_what_and_when(lender: Lender, make: Make, tmp_path: Path) -> None:
    put_in_force(lender)
    load(lender, [PERSON], mapping=FULL)
    settle(lender)
    made = make("2026-03-12")
    text = "".join(seen_by("pdftotext", made.pdf, tmp_path).split())
    code = code_of(lender.keyring, made.certificate)
    for said in (
        "贷款结清证明", "海港消费金融", "张三丰", "110***********002X", "L-1", "现金贷", "¥200.00",
        "结清日期2026年3月10日", "出具日期2026年3月12日", made.certificate.number, printed(code),
        f"{PUBLIC}/check/certificate", "演示专用",
    ):  # fmt: skip
        assert said.replace(" ", "") in text, said
    assert "11010519491231002X" not in text


def test_a_certificate_in_another_language_is_another_one(lender: Lender, make: Make, tmp_path: Path) -> None:
    put_in_force(lender)
    load(lender, [PERSON], mapping=FULL)
    settle(lender)
    chinese, english = make("2026-03-12"), make("2026-03-12", language="en")
    assert "Settlement certificate" in seen_by("pdftotext", english.pdf, tmp_path)
    assert chinese.certificate.certificate_id != english.certificate.certificate_id
    assert [standing(lender, one.certificate, "2026-03-12")[0] for one in (chinese, english)] == ["valid"] * 2


def test_made_again_it_is_the_same_file(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    first, again = make("2026-03-12"), make("2026-04-01")
    assert (first.new, again.new) == (True, False)
    assert first.certificate == again.certificate and first.pdf == again.pdf


def test_two_that_make_it_at_once_are_given_one(lender: Lender, database_url: str, make: Make) -> None:
    load(lender)
    settle(lender)
    both = threading.Barrier(2)
    made = []

    def meet() -> Seal:
        both.wait(60)  # both have looked and found none
        return a_seal()

    def run() -> None:
        with psycopg.connect(database_url) as conn:
            made.append(make("2026-03-12", conn=conn, seal=meet, typesetter=Typesetter()))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.new for one in made) == [False, True] and made[0].pdf == made[1].pdf
    (kept,) = certificates_of_loan(lender.conn, made[0].certificate.lane, made[0].certificate.loan_id)
    assert kept == made[0].certificate


@pytest.mark.parametrize(
    ("amount", "rows", "why"),
    [
        ("100.00", {}, "1 of its installments are still open"),
        ("199.99", {}, "1 of its installments are still open"),
        ("200.00", {"principal": "300"}, "neither closed it nor listed all of its principal"),
    ],
)
def test_a_loan_that_is_not_settled_has_none(
    lender: Lender, make: Make, amount: str, rows: dict[str, str], why: str
) -> None:
    mapping = MAPPING.replace("principal = 200", "principal = " + rows.get("principal", "200"))
    load(lender, mapping=mapping)
    pay(lender, amount=amount)
    with pytest.raises(DuecourseError, match=why) as caught:
        make("2026-03-12")
    assert caught.value.problems[0].code == "K015"
    assert lender.conn.execute("SELECT count(*) FROM certificate").fetchone() == (0,)


def test_the_day_before_the_last_payment_it_is_not_settled(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    with pytest.raises(DuecourseError, match="still open"):
        make("2026-03-09")


def test_a_reversal_ends_it_from_that_day_on(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    made = make("2026-03-12").certificate
    reverse(lender, "L-1/2026-03-10", on="2026-03-20", now="2026-03-20T10:00+08:00")
    assert standing(lender, made, "2026-03-19") == ("valid", None)
    assert standing(lender, made, "2026-03-20") == ("reopened", "2026-03-20")
    with pytest.raises(DuecourseError, match="still open"):
        make("2026-03-20")


def test_settled_anew_it_has_another_and_the_first_still_does_not_hold(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    first = make("2026-03-12").certificate
    reverse(lender, "L-1/2026-03-10", on="2026-03-20", now="2026-03-20T10:00+08:00")
    settle(lender, on="2026-03-25")
    second = make("2026-03-26").certificate
    assert second.number != first.number
    assert standing(lender, first, "2026-03-26") == ("reopened", "2026-03-20")
    assert standing(lender, second, "2026-03-26") == ("valid", None)


def test_a_reversal_that_was_wrong_brings_it_back(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    made = make("2026-03-12").certificate
    reverse(lender, "L-1/2026-03-10", on="2026-03-20", now="2026-03-20T10:00+08:00")
    pay(lender, "found again", amount="200.00", on="2026-03-10", now="2026-03-21T10:00+08:00")
    assert standing(lender, made, "2026-03-21") == ("valid", None)
    assert make("2026-03-21").certificate == made


def test_taken_back_by_staff_the_next_edition_is_another(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    first = make("2026-03-12").certificate
    assert withdraw(lender.conn, first, on=date(2026, 3, 14), by="test", why="the name was misspelt")
    lender.conn.commit()
    second = make("2026-03-14")
    assert second.new and second.certificate.edition == 1 and second.certificate.number != first.number
    (kept,) = [one for one in certificates_of_loan(lender.conn, first.lane, first.loan_id) if one.revoked_on]
    assert standing(lender, kept, "2026-03-14") == (State.WITHDRAWN.value, "2026-03-14")
    assert not withdraw(lender.conn, kept, on=date(2026, 3, 15), by="test", why="again")


def test_a_loan_that_the_lender_closed_with_nothing_open_has_one(lender: Lender, make: Make) -> None:
    load(lender, [{"state": "closed"}], mapping=MAPPING.replace("principal = 200", "principal = 500"))
    settle(lender)
    assert make("2026-03-12").new


def test_an_early_reopening_by_the_lenders_file_ends_it_that_day(lender: Lender, make: Make) -> None:
    load(lender)
    settle(lender)
    made = make("2026-03-12").certificate
    dearer = MAPPING.replace("due = 100", "due = 120")
    load(lender, now="2026-03-18T10:00+08:00", mapping=dearer)
    assert standing(lender, made, "2026-12-31")[0] == "reopened"


def test_the_database_holds_neither_the_code_nor_the_file_to_read(lender: Lender, make: Make) -> None:
    load(lender, [PERSON], mapping=FULL)
    settle(lender)
    made = make("2026-03-12")
    code = code_of(lender.keyring, made.certificate)
    (row,) = lender.conn.execute("SELECT c::text, file_sealed FROM certificate c").fetchall()
    assert code not in row[0] and printed(code) not in row[0] and "张三丰" not in row[0]
    assert b"%PDF" not in bytes(row[1])
    assert certificate_by_code(lender.conn, lender.keyring, code) == made.certificate
    assert certificate_by_file(lender.conn, lender.keyring, made.pdf) == made.certificate
    assert certificate_by_file(lender.conn, lender.keyring, made.pdf + b"\n") is None


@pytest.mark.parametrize(
    "typed",
    ["abcd-efgh-jkmn", " ABCD EFGH JKMN ", "https://notices.lender.example/check/certificate/ABCDEFGHJKMN"],
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_code(typed) == "ABCDEFGHJKMN"


@pytest.mark.parametrize("typed", ["", "ABCD-EFGH", "ABCD-EFGH-JKM0", "ABCDEFGHJKMNN", "ＡBCDEFGHJKMN"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


def due(issuer: Issuer, on: str, since: str = "2026-01-01T00:00+08:00") -> int:
    """Issue what policies promise."""
    return issuer.issue_due(range(256), since=at(since), as_of=date.fromisoformat(on), now=WALL).issued


def test_a_policy_that_promises_it_has_it_issued_once(lender: Lender, issuer: Issuer) -> None:
    put_in_force(lender)
    load(lender, [{}, {"key": "C-2", "loan": "L-2", "phone": "+8613900002222"}])
    settle(lender)
    assert [due(issuer, "2026-03-11"), due(issuer, "2026-03-11")] == [1, 0]
    settle(lender, "L-2", on="2026-03-12")
    assert [due(issuer, "2026-03-12"), due(issuer, "2026-03-12")] == [1, 0]


@pytest.mark.parametrize(
    ("word", "other"),
    [("on_settlement", "on_request"), ("product: [cash-loan]", "product: [mortgage]")],
)
def test_where_no_policy_promises_it_to_a_loan_none_is_issued(
    lender: Lender, issuer: Issuer, word: str, other: str
) -> None:
    put_in_force(lender, HEAD.replace(word, other))
    load(lender)
    settle(lender)
    assert due(issuer, "2026-03-11") == 0


def test_what_was_heard_of_too_long_ago_or_is_open_again_is_not_issued(
    lender: Lender, issuer: Issuer
) -> None:
    put_in_force(lender)
    load(lender)
    settle(lender)
    later = (WALL + timedelta(days=1)).isoformat()
    assert due(issuer, "2026-03-11", since=later) == 0
    reverse(lender, "L-1/2026-03-10", on="2026-03-11", now="2026-03-11T10:00+08:00")
    assert due(issuer, "2026-03-11") == 0


def test_what_staff_took_back_is_not_issued_by_itself_again(
    lender: Lender, issuer: Issuer, make: Make
) -> None:
    put_in_force(lender)
    load(lender)
    settle(lender)
    assert due(issuer, "2026-03-11") == 1
    made = make("2026-03-11").certificate
    withdraw(lender.conn, made, on=date(2026, 3, 12), by="test", why="wrong")
    lender.conn.commit()
    assert due(issuer, "2026-03-12") == 0
