"""Builders of consents, holds and preferences from a row of a lender's file."""

from __future__ import annotations

import json
from typing import Any

from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring

from .addresses import normal_address
from .checking import one_of, region_code
from .consents import ConsentKind
from .fields import Field, FieldMaker, RowReader, first_given, optional, required
from .holds import HoldEffect, HoldKind, usual_effect
from .identity import address_index, customer_hash
from .mapping import BorrowerSection, LoanSection
from .moments import Moment, MomentField, ends_after
from .parsing import FieldFault
from .preferences import PreferenceKind, checked_wish
from .records import Records, WishRecord, loan_id_of
from .values import TextRule
from .wish_mapping import ConsentSection, HoldSection, PreferenceSection

_CONSENTS = tuple(kind.value for kind in ConsentKind)
_HOLDS = tuple(kind.value for kind in HoldKind)
_EFFECTS = tuple(effect.value for effect in HoldEffect)
_PREFERENCES = tuple(kind.value for kind in PreferenceKind)
_PURPOSES = tuple(purpose.value for purpose in Purpose)
_CHANNELS = tuple(channel.value for channel in Channel)


class _Borrower:
    """Whose wish a row brings, by the lender's key."""

    def __init__(
        self, make: FieldMaker, keyring: Keyring, own: TextRule | None, borrower: BorrowerSection | None
    ) -> None:
        self.field = make.text("borrower", first_given(own, borrower.key if borrower else None))
        self._keyring = keyring

    def hash(self, reader: RowReader) -> bytes | None:
        """Of the key; None when the row has none."""
        key = reader.get(self.field, optional)
        return customer_hash(self._keyring, key) if key else None


def _word(reader: RowReader, field: Field | None, known: tuple[str, ...]) -> Any:
    """One of a set of words, or None when there is none."""
    return reader.get(field, lambda text: one_of(text.strip(), known) if text.strip() else None)


def _maybe(make: FieldMaker, key: str, rule: TextRule | None) -> Field | None:
    return make.text(key, rule) if rule is not None else None


class ConsentBuilder:
    """[[consent]]"""

    def __init__(
        self, section: ConsentSection, make: FieldMaker, keyring: Keyring, borrower: BorrowerSection | None
    ) -> None:
        self._keyring = keyring
        self._borrower = _Borrower(make, keyring, section.borrower, borrower)
        self._kind = make.text("kind", section.kind)
        self._granted = make.boolean("granted", section.granted)
        self._purpose = _maybe(make, "purpose", section.purpose)
        self._channel = _maybe(make, "channel", section.channel)
        self._address = _maybe(make, "address", section.address)
        self._region = make.text("region", first_given(section.region, borrower.region if borrower else None))
        self._at = MomentField(make, "at", section.at)
        self._expires = MomentField(make, "expires", section.expires) if section.expires else None
        self._evidence = make.text("evidence", section.evidence)
        self.personal = [self._address] if self._address else []

    def add(self, reader: RowReader, to: Records) -> None:
        """One word, or none when the column of `granted` is empty: nothing was said."""
        assert self._granted is not None
        granted = reader.get(self._granted)
        if granted is None and not reader.faults:
            return
        kind = reader.need(self._kind, lambda text: one_of(required(text), _CONSENTS))
        key_hash = self._borrower.hash(reader)
        purpose = _word(reader, self._purpose, _PURPOSES)
        channel = _word(reader, self._channel, _CHANNELS)
        found = self._index(reader)
        at = self._at.need(reader)
        expires = self._expires.get(reader) if self._expires else None
        evidence = reader.need(self._evidence, required)
        if at and expires and not ends_after(at, expires):
            reader.fault(
                self._evidence, FieldFault("B101", "it ends before it begins", "expected a later end")
            )
        if reader.faults:
            return
        if key_hash is None and (found is None or granted or kind != ConsentKind.CONTACT):
            reason = "only a stop of an address may stand without its borrower"
            reader.fault(self._borrower.field, FieldFault("B111", "no borrower is given", reason))
            return
        address_kind, index = found or (None, None)
        to.wishes.append(
            WishRecord(
                reader.row.number,
                "consent",
                key_hash,
                None,
                kind,
                evidence,
                granted=granted,
                purpose=purpose,
                channel=channel,
                address_kind=address_kind,
                address_index=index,
                **_times(at, expires),
            )
        )

    def _index(self, reader: RowReader) -> tuple[str, bytes] | None:
        """Kind of address and its index; None when there is none."""
        address = reader.get(self._address, optional)
        if not address:
            return None
        region = reader.need(self._region, lambda text: region_code(required(text)))
        channel = Channel.EMAIL if "@" in address else Channel.SMS
        normal = reader.get(self._address, lambda text: normal_address(channel, text.strip(), region or "ZZ"))
        if reader.faults:
            return None
        kind = "email" if channel is Channel.EMAIL else "phone"
        return kind, address_index(self._keyring, channel, normal)


class HoldBuilder:
    """[[hold]]"""

    def __init__(
        self,
        section: HoldSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
        loan: LoanSection | None,
    ) -> None:
        self._borrower = _Borrower(make, keyring, section.borrower, borrower)
        self._kind = make.text("kind", section.kind)
        self._loan = _maybe(make, "loan", section.loan)
        self._creditor = make.text("creditor", first_given(section.creditor, loan.creditor if loan else None))
        self._effect = _maybe(make, "effect", section.effect)
        self._since = MomentField(make, "since", section.since)
        self._until = MomentField(make, "until", section.until, end_of_day=True) if section.until else None
        self._evidence = make.text("evidence", section.evidence)

    def add(self, reader: RowReader, to: Records) -> None:
        """One hold, or none when the column of `kind` is empty."""
        kind = _word(reader, self._kind, _HOLDS)
        if kind is None and not reader.faults:
            return
        key_hash = self._borrower.hash(reader)
        loan = reader.get(self._loan, optional)
        creditor = reader.need(self._creditor, required) if loan else None
        effect = _word(reader, self._effect, _EFFECTS)
        since = self._since.need(reader)
        until = self._until.get(reader) if self._until else None
        evidence = reader.need(self._evidence, required)
        if since and until and not ends_after(since, until):
            reader.fault(
                self._evidence, FieldFault("B101", "it ends before it begins", "expected a later end")
            )
        if key_hash is None and not loan:
            reader.fault(
                self._borrower.field, FieldFault("B016", "nothing is given", "a borrower or a loan is needed")
            )
        if reader.faults:
            return
        to.wishes.append(
            WishRecord(
                reader.row.number,
                "hold",
                key_hash,
                loan_id_of(creditor, loan) if loan and creditor else None,
                kind,
                evidence,
                effect=effect or usual_effect(HoldKind(kind)).value,
                **_times(since, until),
            )
        )


class PreferenceBuilder:
    """[[preference]]"""

    def __init__(
        self, section: PreferenceSection, make: FieldMaker, keyring: Keyring, borrower: BorrowerSection | None
    ) -> None:
        self._borrower = _Borrower(make, keyring, section.borrower, borrower)
        self._kind = make.text("kind", section.kind)
        parts = {
            "days": section.days,
            "from": section.from_,
            "to": section.to,
            "allowed": section.allowed,
            "refused": section.refused,
            "language": section.language,
        }
        self._parts = {name: make.text(name, rule) for name, rule in parts.items() if rule is not None}
        self._since = MomentField(make, "since", section.since)
        self._evidence = make.text("evidence", section.evidence)

    def add(self, reader: RowReader, to: Records) -> None:
        """One wish, or none when the column of `kind` is empty."""
        kind = _word(reader, self._kind, _PREFERENCES)
        if kind is None and not reader.faults:
            return
        key_hash = self._borrower.hash(reader)
        if key_hash is None:
            reader.fault(self._borrower.field, FieldFault("B016", "nothing is given", "a value is needed"))
        given = {name: text for name, field in self._parts.items() if (text := reader.get(field, optional))}
        since = self._since.need(reader)
        evidence = reader.need(self._evidence, required)
        if reader.faults:
            return
        wish: dict[str, Any] = {
            name: [one.strip() for one in text.split(",")] if name in ("days", "allowed", "refused") else text
            for name, text in given.items()
        }
        try:
            checked = checked_wish(PreferenceKind(kind), wish)
        except DuecourseError as error:
            for problem in error.problems:
                reader.fault(self._kind, FieldFault("B100", problem.where, problem.message))
            return
        to.wishes.append(
            WishRecord(
                reader.row.number,
                "preference",
                key_hash,
                None,
                kind,
                evidence,
                wish=json.dumps(checked),
                **_times(since, None),
            )
        )


def _times(since: Moment | None, until: Moment | None) -> dict[str, Any]:
    """The columns of two instants."""
    assert since is not None
    return {
        "since_at": since.instant,
        "since_local": since.local,
        "since_zone": since.zone,
        "until_at": until.instant if until else None,
        "until_local": until.local if until else None,
        "until_zone": until.zone if until else "",
    }
