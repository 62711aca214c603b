"""Issuing certificates: for one loan, or for all that were settled and whose policy promises one.

No transaction is open while a page is set and sealed, since an authority of time may have to be asked. What two make at
once is the same certificate: the first one's file is kept, and both are given that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.typesetting import Typesetter
from duecourse.policy.conditions import condition_sql
from duecourse.policy.model import Policy
from duecourse.policy.naming import named, policies_in_force, product_name
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.mask import mask_id_number
from duecourse.privacy.sealing import open_value

from .certificates import (
    SQL,
    Certificate,
    Settlement,
    certificates_of_loan,
    file_of,
    keep_certificate,
    settlement_of,
)
from .codes import certificate_code, certificate_id_of, code_hash, number_of
from .drawing import Told, appearance_of, draw
from .seal import Seal
from .sealing import seal_pdf

PATH: Final = "/check/certificate"
"""Where codes are checked, under the public address."""
TOLD_FOR: Final = timedelta(days=60)
"""What was settled longer ago is issued by a person alone: a first import of years of loans issues nothing."""
NOTHING: Final = "Nothing was issued."
AT_ONCE: Final = 100
"""Loans found by one look."""
_OF_ONE: Final = ("K015", "K016")
"""Problems of one certificate, which keep nobody else from theirs."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its file. new: it was made now."""

    certificate: Certificate
    pdf: bytes
    new: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What came of issuing to all. problems: of loans that can have none, while the others were served."""

    issued: int
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Issuer:
    """Makes certificates for one installation. For one thread at a time.

    public_url: '' where there is none, and certificates say whom to ask. seal: read when the first one is made.
    """

    conn: psycopg.Connection
    """Not in a transaction, and not used by others meanwhile."""
    keyring: Keyring
    seal: Callable[[], Seal]
    typesetter: Typesetter
    public_url: str
    timestamp_url: str
    by: str

    def issue(
        self, lane: int, loan_id: UUID, *, as_of: date, now: datetime, language: str | None = None
    ) -> Issued:
        """The certificate of a loan: the one there is of its settlement, else a new one.

        as_of: the book's day. now: the wall clock. language: BCP 47; None takes what there is, else the borrower's.
        Raises DuecourseError K015 (the loan is not settled), K010 to K012 (no seal), K014, K016.
        """
        with self.conn.transaction():
            settled_on = _settled(settlement_of(self.conn, lane, loan_id, as_of=as_of))
            there = [
                one for one in certificates_of_loan(self.conn, lane, loan_id) if one.settled_on == settled_on
            ]
            for one in there:
                if one.revoked_on is None and language in (None, one.language):
                    return Issued(one, file_of(self.conn, self.keyring, one), new=False)
            facts = self._facts(lane, loan_id, as_of)
            policies = policies_in_force(self.conn)
        written = language or facts["language"]
        edition = sum(one.language == written for one in there)
        fresh = _fresh(self.keyring, lane, loan_id, facts, settled_on, written, edition)
        seal = self.seal()
        told = self._told(fresh, facts, policies, as_of)
        certificate = Certificate(
            **fresh,
            issued_on=as_of,
            issued_at=now,
            issued_by=self.by,
            seal=seal.fingerprint,
            demonstration=seal.demonstration,
            revoked_on=None,
            revoked_by=None,
            revoked_why=None,
        )
        pdf = self._sealed(told, seal, now)
        with self.conn.transaction():
            if keep_certificate(self.conn, self.keyring, certificate, pdf):
                return Issued(certificate, pdf, new=True)
            theirs = next(
                one
                for one in certificates_of_loan(self.conn, lane, loan_id)
                if one.certificate_id == certificate.certificate_id
            )
            return Issued(theirs, file_of(self.conn, self.keyring, theirs), new=False)

    def issue_due(
        self,
        lanes: Sequence[int],
        *,
        since: datetime,
        as_of: date,
        now: datetime,
        ending: Callable[[], bool] = lambda: False,
    ) -> Due:
        """Issue to all who were settled, by what the book has heard since a moment, and whose policy promises it.

        ending: whether to stop after the one in hand. Raises DuecourseError K010 to K012, K014: nobody can have one.
        """
        issued = 0
        problems: list[Problem] = []
        last: tuple[int, UUID] = (-1, UUID(int=0))
        while page := self._due(lanes, since, as_of, last):
            for lane, loan_id in page:
                if ending():
                    return Due(issued, tuple(problems))
                try:
                    issued += self.issue(lane, loan_id, as_of=as_of, now=now).new
                except DuecourseError as error:
                    if not all(problem.code in _OF_ONE for problem in error.problems):
                        raise
                    problems += error.problems
            last = page[-1]
        return Due(issued, tuple(problems))

    def _due(
        self, lanes: Sequence[int], since: datetime, as_of: date, last: tuple[int, UUID]
    ) -> list[tuple[int, UUID]]:
        """The next loans after one."""
        given: dict[str, Any] = {"lanes": list(lanes), "since": since, "as_of": as_of, "most": AT_ONCE}
        given |= {"last_lane": last[0], "last_loan": last[1]}
        applies: list[sql.Composable] = []
        with self.conn.transaction():
            for place, policy in enumerate(promising(self.conn)):
                condition, parameters = condition_sql(policy.applies_to, prefix=f"c{place}_", of_event=True)
                applies.append(sql.SQL("({})").format(condition))
                given |= parameters
            if not applies:
                return []
            statement = sql.SQL(SQL["due_certificates"]).format(applies=sql.SQL(" OR ").join(applies))
            return self.conn.execute(statement, given).fetchall()

    def _facts(self, lane: int, loan_id: UUID, as_of: date) -> dict[str, Any]:
        with self.conn.cursor(row_factory=dict_row) as cursor:
            given = {"lane": lane, "loan_id": loan_id, "as_of": as_of}
            row = cursor.execute(SQL["facts_of"], given).fetchone()
        assert row is not None
        return row

    def _told(
        self, fresh: dict[str, Any], facts: dict[str, Any], policies: Sequence[Policy], as_of: date
    ) -> Told:
        language = fresh["language"]
        lender = named(policies, facts["creditor"], language)
        id_number = self._opened(facts, "id_number")
        return Told(
            lender=lender.name,
            phone=lender.phone,
            name=self._opened(facts, "name"),
            id_number=mask_id_number(id_number) if id_number else "",
            contract=facts["loan_ref"],
            product=product_name(policies, facts["product"], language),
            currency=facts["currency"],
            principal_minor=facts["principal_minor"],
            started_on=facts["started_on"],
            paid_minor=facts["paid_minor"],
            parts=facts["parts"] or {},
            settled_on=fresh["settled_on"],
            issued_on=as_of,
            number=fresh["number"],
            code=certificate_code(self.keyring, fresh["certificate_id"]),
            check_url=f"{self.public_url}{PATH}" if self.public_url else "",
            language=language,
        )

    def _opened(self, facts: dict[str, Any], column: str) -> str:
        sealed = facts[f"{column}_sealed"]
        return open_value(self.keyring, sealed, "borrower", column, facts["borrower_id"]) if sealed else ""

    def _sealed(self, told: Told, seal: Seal, now: datetime) -> bytes:
        page = draw(self.typesetter, told, at=now, demonstration=seal.demonstration)
        seen = appearance_of(self.typesetter, seal, told.language, on=told.issued_on, at=now)
        return seal_pdf(
            page, seal, seen, reason=f"Settlement certificate {told.number}", timestamp_url=self.timestamp_url
        )


def promising(conn: psycopg.Connection) -> list[Policy]:
    """The policies in force that promise a certificate at settlement."""
    return [one for one in policies_in_force(conn) if one.certificates == "on_settlement"]


def _fresh(
    keyring: Keyring,
    lane: int,
    loan_id: UUID,
    facts: dict[str, Any],
    settled_on: date,
    language: str,
    edition: int,
) -> dict[str, Any]:
    """What a new certificate is, by which its id, number and code follow."""
    certificate_id = certificate_id_of(loan_id, settled_on, language, edition)
    return {
        "lane": lane,
        "certificate_id": certificate_id,
        "loan_id": loan_id,
        "borrower_id": facts["borrower_id"],
        "creditor": facts["creditor"],
        "settled_on": settled_on,
        "edition": edition,
        "language": language,
        "number": number_of(certificate_id, settled_on),
        "code_hash": code_hash(keyring, certificate_code(keyring, certificate_id)),
    }


def _settled(found: Settlement) -> date:
    """The day. Raises DuecourseError K015 with the reason why there is none."""
    if found.day is not None:
        return found.day
    if found.unpaid:
        why = f"{found.unpaid} of its installments are still open"
    elif found.settled_on is None:
        why = "the book knows of nothing that was paid of it"
    else:
        why = "the lender has neither closed it nor listed all of its principal"
    raise DuecourseError(Problem("K015", "LOAN", f"this loan is not settled: {why}", NOTHING))
