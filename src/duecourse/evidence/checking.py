"""Whether a certificate is ours and still holds: asked by anybody with its code, or by staff with its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from hmac import compare_digest
from zoneinfo import ZoneInfo

import psycopg

from duecourse.policy.naming import named, policies_in_force
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.mask import mask_id_number
from duecourse.privacy.sealing import open_value
from duecourse.responses.peers import Limits, Peer
from duecourse.store.migrate import get_setting

from .certificates import SQL, Certificate, Standing, certificate_by_code, certificate_by_file, standing_of
from .codes import read_code
from .verifying import Sealed, read_sealed


class Unknown(StrEnum):
    """Why there is no answer."""

    NOT_OURS = "not-ours"
    """Nobody here has issued a certificate with this code."""
    TOO_MANY = "too-many"
    """This network address has tried too many codes that are nobody's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A certificate of ours and how it stands. Nothing personal but through `certificate`, which no page shows."""

    certificate: Certificate
    lender: str
    """In the language asked for, by the policies in force."""
    standing: Standing
    same_id: bool | None = None
    """Whether the end of an ID number that was typed is the one printed on it; None where none was typed, or none is
    printed."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found of a file. checked: None where it is not, to the last bit, one that was issued here. sealed: None
    where it bears no seal."""

    sealed: Sealed | None
    checked: Checked | None


def check_code(
    conn: psycopg.Connection,
    keyring: Keyring,
    typed: str,
    *,
    peer: str,
    now: datetime,
    language: str,
    id_end: str = "",
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> Checked | Unknown:
    """How the certificate with a code stands, for anybody. In the caller's transaction, which must be committed: in it
    guesses are counted, with those of links.

    typed: as typed, or the whole address. language: in which the lender is named. id_end: what somebody reads after the
    stars of the ID number on the paper they hold, so that a true code on a forged paper is seen; '' for nothing.
    """
    who = Peer(conn, keyring, peer, now)
    if not who.may_try_codes(limits):
        return Unknown.TOO_MANY
    found = find_by_code(conn, keyring, typed)
    if found is None:
        who.tried_unknown_code()
        return Unknown.NOT_OURS
    answer = checked(conn, found, as_of=lenders_day(conn, now), language=language)
    printed = _id_end(conn, keyring, found)
    if not id_end or not printed:
        return answer
    same = compare_digest("".join(id_end.split()).upper().encode(), printed.upper().encode())
    if not same:
        who.tried_unknown_code()  # a guess like any other
    return replace(answer, same_id=same)


def check_file(
    conn: psycopg.Connection, keyring: Keyring, pdf: bytes, *, as_of: date, language: str
) -> CheckedFile:
    """What a file is, for staff."""
    found = certificate_by_file(conn, keyring, pdf)
    there = checked(conn, found, as_of=as_of, language=language) if found else None
    return CheckedFile(read_sealed(pdf), there)


def find_by_code(conn: psycopg.Connection, keyring: Keyring, typed: str) -> Certificate | None:
    """The certificate with a code, as somebody typed it."""
    code = read_code(typed)
    return certificate_by_code(conn, keyring, code) if code else None


def checked(conn: psycopg.Connection, certificate: Certificate, *, as_of: date, language: str) -> Checked:
    """How a certificate stands on a day of the lender's."""
    lender = named(policies_in_force(conn), certificate.creditor, language).name
    return Checked(certificate, lender, standing_of(conn, certificate, as_of=as_of))


def _id_end(conn: psycopg.Connection, keyring: Keyring, certificate: Certificate) -> str:
    """What is printed after the stars of the ID number; '' where the book has none."""
    given = {"lane": certificate.lane, "borrower_id": certificate.borrower_id}
    row = conn.execute(SQL["id_number_of"], given).fetchone()
    if row is None or row[0] is None:
        return ""
    number = open_value(keyring, row[0], "borrower", "id_number", certificate.borrower_id)
    return mask_id_number(number).rpartition("*")[2]


def lenders_day(conn: psycopg.Connection, now: datetime) -> date:
    """The lender's date at an instant."""
    return now.astimezone(ZoneInfo(str(get_setting(conn, "lender_zone") or "UTC"))).date()
