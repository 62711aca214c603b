"""Reading a file of past contacts: the import's own reading and checking, staged in temporary tables of one session."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg

from duecourse.book.importing import ImportReport, Progress, import_book
from duecourse.book.mapping import Mapping
from duecourse.book.records import ContactRecord, Records
from duecourse.book.values import TextRule
from duecourse.content.texts import Spoken, text_refusals, text_rules
from duecourse.domain.messaging import Channel, Purpose
from duecourse.privacy.keyring import Keyring
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor, AddressKind, Party
from duecourse.rules.packs import Contact
from duecourse.store.sql import load

from .book_copy import enter_batch

SQL = load("audit")
SAID = {
    "B030": "an earlier row of the file has the same source and reference",
    "B031": "an earlier row of the file says something else under the same source and reference",
    "B113": "a contact that is still to come; a date or a zone must be wrong",
    "R080": "a wall clock, and neither a zone nor a region of one zone: when it was is not known",
    "R084": "a day without its hour: whether the hour was allowed cannot be judged",
}
_REACHED = {"attempt": 0, "delivered": 1, "connected": 2, "conversation": 3}
_LIKE_A_PERSON = re.compile(r"\+[\d ()-]{8,}|1[3-9]\d{9}|\d{17}[\dXx]|.*@.*")
"""What must not stand in a report though a lender uses it as a key: numbers, ID numbers, e-mail addresses."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the mapping does not say of any contact. None: not said either."""

    region: str | None = None
    zone: str | None = None
    actor: Actor | None = None
    purpose: Purpose | None = None
    product: str | None = None

    def fill(self, mapping: Mapping, book: RuleBook) -> Mapping:
        """The mapping with each default in the sections that leave its key out. A region of one zone says it too."""
        zones = book.zones_of(self.region) if self.region else ()
        alone = zones[0] if len(zones) == 1 else None
        given = {
            key: TextRule(value=str(value))
            for key, value in (
                ("region", self.region), ("zone", self.zone), ("actor", self.actor),
                ("purpose", self.purpose), ("product", self.product),
            )
            if value is not None
        }  # fmt: skip
        sections = []
        for section in mapping.contact:
            left_out = {key: value for key, value in given.items() if key not in section.model_fields_set}
            if alone and "region" in left_out and "zone" not in {*section.model_fields_set, *left_out}:
                left_out["zone"] = TextRule(value=alone)
            sections.append(section.model_copy(update=left_out))
        return mapping.model_copy(update={"contact": sections})


class AuditStaging:
    """The audit's tables on one connection. Nothing is written beyond it."""

    said = SAID

    def __init__(
        self, conn: psycopg.Connection, book: RuleBook, defaults: Defaults, *, with_book: bool, now: datetime
    ) -> None:
        self._conn = conn
        self._defaults = defaults
        self._with_book = with_book
        self._now = now
        self._places = {key: book.parameters[key] for key in ("region_zones", "within")}
        self._texts = _Texts(book, defaults)
        conn.execute(SQL["create_audit"])
        conn.execute(SQL["clear_audit"])

    def load(self, records: Records) -> None:
        """Fill the staging table with a batch."""
        self._conn.execute(SQL["clear_batch"])
        with self._conn.cursor() as cursor, cursor.copy(SQL["copy_batch"]) as copy:
            for contact in records.contacts:
                copy.write_row(self._row(contact))
        self._conn.execute(SQL["analyze_batch"])

    def check(self) -> list[tuple[int, str]]:
        """Place the batch in time; answers (row number, code) of each bad row."""
        conn = self._conn
        if self._with_book:
            copy = enter_batch(conn)
            conn.execute(SQL["find_in_book"])
            if copy is not None:
                copy.leave()
        conn.execute(SQL["time_batch"], self._places | {"zone": self._defaults.zone})
        conn.execute(SQL["check_batch"], {"now": self._now})
        return conn.execute(SQL["bad_rows"]).fetchall()

    def keep_pending(self) -> None:
        """Keep the good rows for the audit."""
        self._conn.execute(SQL["append_batch"])

    def write(self, *, now: datetime) -> Counter[str]:
        """As keep_pending: an audit writes nothing of a book, whichever it is asked."""
        self.keep_pending()
        return Counter()

    def _row(self, one: ContactRecord) -> tuple[Any, ...]:
        more = one.detail
        return (
            one.row, more.line, one.attempt_id, one.digest, one.system, _label(one.reference), one.key_hash,
            _label(more.borrower_key), one.loan_id, _label(more.loan_ref), one.address_index, one.channel, one.purpose,
            one.actor, _REACHED[one.outcome], one.template, _label(one.agent), one.at, one.at_local, one.at_zone,
            more.region or self._defaults.region, more.zone, more.product, more.party, more.address_kind,
            more.by_debtor, more.day_alone, bool(more.text), self._texts.refused(one),
        )  # fmt: skip


def _label(text: str | None) -> str | None:
    """A key as it may stand in a report; None for one that is itself a number, an ID number or an address."""
    return None if text is None or _LIKE_A_PERSON.fullmatch(text) else text


class _Texts:
    """What the rules of content say of texts, which are kept nowhere."""

    def __init__(self, book: RuleBook, defaults: Defaults) -> None:
        self._packs = book.packs
        self._lender = book.lender_kinds
        self._defaults = defaults
        self._rules = lru_cache(maxsize=4096)(self._rules_of)
        self._refused = lru_cache(maxsize=16_384)(self._refused_by)

    def refused(self, one: ContactRecord) -> str | None:
        """The refusals as JSON; None for none and where there is no text."""
        more = one.detail
        region = more.region or self._defaults.region
        on = one.at_local or one.at
        if not (more.text or more.subject) or on is None or region is None:
            return None
        rules = self._rules(
            region,
            one.purpose,
            one.channel,
            one.actor,
            more.party,
            more.product,
            more.address_kind,
            on.date(),
        )
        return self._refused(rules, one.channel, more.text or "", more.subject or "")

    def _rules_of(
        self, region: str, purpose: str, channel: str, actor: str, party: str, product: str | None,
        address_kind: AddressKind | None, on: Any,
    ) -> tuple[str, ...]:  # fmt: skip
        contact = Contact(
            region, Purpose(purpose), Channel(channel), Actor(actor), Party(party), product,
            address_kind=address_kind, lender=self._lender,
        )  # fmt: skip
        considered = [rule.id for rule in self._packs.resolve(contact, on=on)]
        return tuple(rule.id for rule in text_rules(self._packs, considered))

    def _refused_by(self, rules: tuple[str, ...], channel: str, text: str, subject: str) -> str | None:
        # What was said before the file begins is not known: a rule about a first contact does not look.
        spoken = Spoken(channel=channel, text=text, subject=subject, first=False)
        found = [refusal.saw for refusal in text_refusals(text_rules(self._packs, rules), spoken)]
        return json.dumps(found, ensure_ascii=False) if found else None


def read_contacts(
    conn: psycopg.Connection,
    keyring: Keyring,
    path: Path,
    mapping: Mapping,
    book: RuleBook,
    defaults: Defaults,
    *,
    with_book: bool,
    now: datetime,
    where: str,
    rejects: Path | None,
    progress: Callable[[Progress], None] | None,
) -> ImportReport:
    """Stage the file's good rows; the report names the others.

    Raises DuecourseError B112 when the mapping has no [[contact]], B003 to B007 when file and mapping do not fit.
    """
    return import_book(
        conn,
        keyring,
        path,
        defaults.fill(mapping, book),
        now=now,
        where=where,
        dry_run=True,
        rejects=rejects,
        progress=progress,
        stager=lambda staged: AuditStaging(staged, book, defaults, with_book=with_book, now=now),
    )
