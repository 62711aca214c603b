"""Certificates on the pages: anybody learns whether one holds, and only its borrower gets the file."""

from __future__ import annotations

import pytest

from duecourse.evidence.certificates import code_of
from duecourse.evidence.codes import printed
from duecourse.evidence.issuing import Issued
from sealed_files import close, close_and_certify
from visiting import ID_NUMBER, Portal

SETTLED = "2026-03-08"


def certify(portal: Portal, borrower: str) -> Issued:
    """The borrower's loan is settled and has its certificate."""
    return close_and_certify(portal.lender, f"HT-{borrower}", SETTLED)


def code(portal: Portal, made: Issued) -> str:
    """As it is printed."""
    return printed(code_of(portal.lender.keyring, made.certificate))


def test_anybody_learns_by_the_code_whose_it_is_and_that_it_holds(portal: Portal, borrow: str) -> None:
    made = certify(portal, borrow)
    page = portal.visitor().post("/check/certificate", code=code(portal, made).lower()).text
    assert "This certificate is valid" in page and made.certificate.number in page
    assert "Harbour Bank issued certificate" in page and "8 March 2026" in page
    assert "demonstration seal" in page
    for personal in ("Test Person", "1,234.56", borrow, ID_NUMBER, ID_NUMBER[-4:]):
        assert personal not in page


def test_the_picture_on_it_leads_to_the_same_answer(portal: Portal, borrow: str) -> None:
    made = certify(portal, borrow)
    plain = code_of(portal.lender.keyring, made.certificate)
    assert "This certificate is valid" in portal.visitor().get(f"/check/certificate/{plain}").text


def test_a_loan_that_is_open_again_ends_it(portal: Portal, borrow: str) -> None:
    made = certify(portal, borrow)
    close(portal.lender, f"HT-{borrow}", "2026-03-09", "open")
    page = portal.visitor().post("/check/certificate", code=code(portal, made)).text
    assert "no longer valid" in page and "It has not been valid since 9 March 2026" in page
    mine = portal.visitor(borrow).get("/me/certificate").text
    assert "no longer valid" in mine and "Download" not in mine


@pytest.mark.parametrize(("end", "said"), [(ID_NUMBER[-4:].lower(), "is the one"), ("1234", "may be forged")])
def test_the_end_of_the_id_number_on_a_paper_is_compared(
    portal: Portal, borrow: str, end: str, said: str
) -> None:
    page = (
        portal.visitor()
        .post("/check/certificate", code=code(portal, certify(portal, borrow)), id_end=end)
        .text
    )
    assert (
        said in page and "This certificate is valid" in page and ID_NUMBER[-4:] not in page.replace(end, "")
    )


def test_guesses_are_counted_whether_of_codes_or_of_id_numbers(portal: Portal, borrow: str) -> None:
    true, visitor = code(portal, certify(portal, borrow)), portal.visitor()
    for at in range(portal.limits.unknown_codes_a_minute):
        tried = {"code": true, "id_end": f"999{at}"} if at % 2 else {"code": "ABCD-EFGH-JKMN"}
        assert visitor.post("/check/certificate", **tried).status_code == 200
    assert visitor.post("/check/certificate", code=true).status_code == 429
    assert visitor.get(f"/check/certificate/{true}").status_code == 429


@pytest.mark.parametrize("typed", ["ABCD-EFGH-JKMN", "nonsense", "结清证明", "<script>alert(1)</script>"])
def test_what_is_no_code_of_ours_is_told_to_be_none(portal: Portal, typed: str) -> None:
    page = portal.visitor().post("/check/certificate", code=typed).text
    assert "No such certificate was issued here" in page and "<script" not in page


def test_a_borrower_takes_their_own_home_and_nobody_else_does(portal: Portal, borrow: str) -> None:
    made = certify(portal, borrow)
    visitor = portal.visitor(borrow)
    assert 'href="/me/certificate"' in visitor.get("/me").text
    path = f"/me/certificate/{made.certificate.certificate_id}"
    assert path in visitor.get("/me/certificate").text
    file = visitor.get(path)
    assert file.content == made.pdf and file.headers["content-type"] == "application/pdf"
    assert file.headers["content-disposition"] == (
        f'attachment; filename="certificate-{made.certificate.number}.pdf"'
    )
    assert portal.visitor().get(path).status_code == 403
    other = f"{borrow}-other"
    portal.lender.book(f"loan due_on\nHT-{other} 2026-03-10", borrower=other, id_number=ID_NUMBER)
    stranger = portal.visitor(other)
    assert stranger.get(path).status_code == 404
    assert 'href="/me/certificate"' not in stranger.get("/me").text
    assert visitor.get("/me/certificate/not-an-id").status_code == 404


def test_a_settled_loan_without_a_certificate_says_how_to_get_one(portal: Portal, borrow: str) -> None:
    close(portal.lender, f"HT-{borrow}", SETTLED)
    page = portal.visitor(borrow).get("/me/certificate").text
    assert "Settled on 8 March 2026" in page and "Call us if you would like" in page
