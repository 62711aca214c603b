"""Settlement certificates: anybody checks one by its code, and the visitor takes theirs home.

Nothing is issued from here: the key of the seal is not where browsers are answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from starlette.responses import Response

from duecourse.evidence.certificates import (
    Certificate,
    SettledLoan,
    Standing,
    State,
    certificates_of_person,
    file_of,
    settled_of_person,
    standing_of,
)
from duecourse.evidence.checking import Unknown, check_code, lenders_day
from duecourse.evidence.issuing import PATH
from duecourse.policy.naming import named

from .asked import Asked
from .frame import headers
from .page import Button, Page
from .texts import LANGUAGES, closest

MOST_CODE: Final = 200
"""Also a whole address."""
MOST_END: Final = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate as the visitor sees it. language: what its readers call it."""

    certificate: Certificate
    standing: Standing
    language: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A settled loan with its certificates. contract: the end of its key."""

    product: str
    contract: str
    creditor: str
    settled_on: date
    certificates: Sequence[Kept]
    promised: bool
    """Its certificate is issued by itself, and will be there in a moment."""


def check(asked: Asked) -> Response:
    """`/check/certificate`: by a form."""
    if not asked.posted:
        return asked.show("check_certificate.html", found=None, code="")
    code = asked.form.text("code", most=MOST_CODE, needed="certificate.code_needed")
    id_end = asked.form.text("id_end", most=MOST_END)
    if asked.form.errors:
        return asked.show("check_certificate.html", found=None, code="")
    return _answer(asked, code, id_end)


def check_scanned(asked: Asked) -> Response:
    """`/check/certificate/CODE`: as the picture on a certificate says it. The code opens nothing."""
    return _answer(asked, str(asked.parameters["code"])[:MOST_CODE], "")


def _answer(asked: Asked, code: str, id_end: str) -> Response:
    found = check_code(
        asked.conn,
        asked.site.keyring,
        code,
        peer=asked.peer,
        now=asked.now,
        language=asked.language,
        id_end=id_end,
        limits=asked.limits,
    )
    if found is Unknown.TOO_MANY:
        return asked.show("gone.html", status=429, key="enter.too_many")
    return asked.show("check_certificate.html", found=found, not_ours=found is Unknown.NOT_OURS, code=code)


def show_certificates(asked: Asked) -> Response:
    """`/me/certificate`: the visitor's settled loans, and what was issued of loans that are open again."""
    day = lenders_day(asked.conn, asked.now)
    kept = [
        Kept(one, standing_of(asked.conn, one, as_of=day), _language(one))
        for one in certificates_of_person(asked.conn, asked.person)
    ]
    settled = [_settled(asked, loan, kept) for loan in settled_of_person(asked.conn, asked.person, as_of=day)]
    over = [one for one in kept if one.standing.state is not State.VALID]
    return asked.show("certificates.html", settled=settled, over=over)


def _settled(asked: Asked, loan: SettledLoan, kept: Sequence[Kept]) -> Settled:
    creditor = named(asked.policies, loan.creditor, asked.language).name
    return Settled(
        product=asked.product(loan.product),
        contract=asked.tail(loan.loan_ref),
        creditor=creditor if creditor != asked.lender.name else "",
        settled_on=loan.settled_on,
        certificates=[
            one
            for one in kept
            if one.certificate.loan_id == loan.loan_id and one.standing.state is State.VALID
        ],
        promised=any(policy.certificates == "on_settlement" for policy in asked.policies),
    )


def _language(certificate: Certificate) -> str:
    tag = closest(certificate.language)
    return LANGUAGES[tag].name if tag else certificate.language


def take(asked: Asked) -> Response:
    """`/me/certificate/ID`: the file, for whose it is; for anybody else there is nothing."""
    wanted = str(asked.parameters["certificate_id"])
    theirs = certificates_of_person(asked.conn, asked.person)
    found = next((one for one in theirs if one.certificate_id.hex == _hex(wanted)), None)
    if found is None:
        return asked.show("gone.html", status=404, key="enter.nothing")
    kept = headers() | {"Content-Disposition": f'attachment; filename="certificate-{found.number}.pdf"'}
    return Response(file_of(asked.conn, asked.site.keyring, found), 200, kept, "application/pdf")


def _hex(text: str) -> str:
    try:
        return UUID(text).hex
    except ValueError:
        return ""


def _has_some(asked: Asked) -> bool:
    day = lenders_day(asked.conn, asked.now)
    return bool(
        settled_of_person(asked.conn, asked.person, as_of=day)
        or certificates_of_person(asked.conn, asked.person)
    )


PAGES: Final = (
    Page(PATH, check, signed_in=False),
    Page(f"{PATH}/{{code}}", check_scanned, signed_in=False, posts=False),
    Page(
        "/me/certificate",
        show_certificates,
        posts=False,
        button=Button("certificate.title", "more", 30, _has_some),
    ),
    Page("/me/certificate/{certificate_id}", take, posts=False),
)
