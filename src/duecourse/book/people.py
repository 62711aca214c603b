"""Builders of borrowers, other parties and contact points: personal data are sealed here, before anything is staged."""

from __future__ import annotations

import json
from datetime import date
from typing import NamedTuple
from uuid import UUID

from duecourse.domain.messaging import Channel
from duecourse.domain.zones import candidates
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value

from .addresses import address_text, normal_address, platform_of
from .fields import (
    Field,
    FieldMaker,
    RowReader,
    among,
    first_given,
    language,
    optional,
    optional_zone,
    rank_of,
    read_attributes,
    region,
    required,
    sensible_day,
)
from .identity import ADDRESSABLE, address_index, customer_hash, id_number_index, row_digest
from .mapping import BorrowerSection, ContactPointSection, LoanSection, PartySection
from .parsing import FieldFault
from .records import (
    BESIDE_COMPANY,
    BESIDE_LOAN,
    OWN,
    BorrowerRecord,
    ContactPointRecord,
    Fault,
    PartyRecord,
    Records,
    borrower_id_of,
    contact_point_id_of,
    loan_id_of,
)
from .residence import ZonesOf, number_zones

KINDS = ("person", "company")
LOAN_ROLES = ("co-borrower", "guarantor")
ROLES = ("borrower", *LOAN_ROLES, "company-contact", "applicant")
_a_kind, _a_role = among(KINDS), among(ROLES)
_channel_word = among(tuple(channel.value for channel in ADDRESSABLE))


class _Person(NamedTuple):
    """What a row says of one person or company, before it is sealed."""

    key: str
    kind: str
    name: str | None
    id_number: str | None
    language: str
    region: str
    stated_zone: str
    grade: str
    attributes: str
    collected_on: date | None
    legal_basis: str | None
    zones: tuple[str, ...]

    def record(
        self,
        row: int,
        keyring: Keyring,
        *,
        as_party: bool = False,
        place: int = OWN,
        beside_loan: UUID | None = None,
        beside_company: bytes | None = None,
    ) -> BorrowerRecord:
        """Sealed, with its digest."""
        hashed = customer_hash(keyring, self.key)
        own_id = borrower_id_of(hashed)
        name, id_number = self.name, self.id_number
        return BorrowerRecord(
            row,
            hashed,
            own_id,
            self.key,
            self.kind,
            seal_value(keyring, name, "borrower", "name", own_id) if name else None,
            seal_value(keyring, id_number, "borrower", "id_number", own_id) if id_number else None,
            id_number_index(keyring, id_number) if id_number else None,
            self.language,
            self.region,
            self.zones[0],
            None if self.stated_zone else list(self.zones),
            self.grade,
            self.attributes,
            self.collected_on,
            self.legal_basis,
            row_digest(keyring, self[1:-1]),
            as_party,
            place,
            beside_loan,
            beside_company,
        )


class _PersonFields:
    """The fields that describe a person or company, of [borrower] and of [[party]]."""

    def __init__(
        self,
        section: BorrowerSection | PartySection,
        make: FieldMaker,
        zones_of: ZonesOf,
        also: BorrowerSection | None = None,
    ) -> None:
        """also: where language, region and zone come from when the section does not say."""
        place = section if section.language is not None else (also or section)
        self.kind = make.text("kind", section.kind)
        self.name = make.text("name", section.name) if section.name else None
        self.id_number = make.text("id_number", section.id_number) if section.id_number else None
        self.language = make.text("language", first_given(section.language, place.language))
        self.region = make.text("region", first_given(section.region, place.region))
        zone = first_given(section.zone, place.zone)
        self.zone = make.text("zone", zone) if zone is not None else None
        self._zones_of = zones_of
        self.collected_on = make.day("collected_on", section.collected_on)
        self.legal_basis = make.text("legal_basis", section.legal_basis) if section.legal_basis else None
        self.personal = [field for field in (self.name, self.id_number) if field is not None]

    def read(self, reader: RowReader, key: str, grade: str = "", attributes: str = "{}") -> _Person | None:
        """None when something is at fault."""
        name = reader.get(self.name, optional) or None
        id_number = reader.get(self.id_number, optional) or None
        kind = reader.need(self.kind, _a_kind)
        spoken = reader.need(self.language, language)
        home = reader.need(self.region, region)
        zone = reader.get(self.zone, optional_zone) or ""
        zones = (zone,) if zone else self._candidates(reader, home)
        collected_on = reader.get(self.collected_on, sensible_day)
        legal_basis = reader.get(self.legal_basis, optional) or None
        if reader.faults:
            return None
        return _Person(
            key,
            kind,
            name,
            id_number,
            spoken,
            home,
            zone,
            grade,
            attributes,
            collected_on,
            legal_basis,
            zones,
        )

    def _candidates(self, reader: RowReader, region: str) -> tuple[str, ...]:
        """Everywhere in the region; the numbers are asked once they are in the book."""
        zones, _ = candidates(self._zones_of(region), ()) if region else ((), False)
        if region and not zones:
            expected = "state the borrower's zone, e.g. Asia/Shanghai"
            reader.fault(self.region, FieldFault("B114", f"nobody knows the zones of '{region}'", expected))
        return zones


class BorrowerBuilder:
    """[borrower]"""

    def __init__(
        self, section: BorrowerSection, make: FieldMaker, keyring: Keyring, zones_of: ZonesOf
    ) -> None:
        self._keyring = keyring
        self._key = make.text("key", section.key)
        self._person = _PersonFields(section, make, zones_of)
        self._grade = make.text("grade", section.grade)
        self._attributes = make.attributes("attributes", section.attributes)
        self.personal = self._person.personal

    def add(self, reader: RowReader, to: Records) -> None:
        """One borrower."""
        key = reader.need(self._key, required)
        grade = reader.get(self._grade, optional)
        attributes = json.dumps(read_attributes(reader, self._attributes), ensure_ascii=False, sort_keys=True)
        person = self._person.read(reader, key, grade, attributes)
        if person is not None:
            to.borrowers.append(person.record(reader.row.number, self._keyring))


class PartyBuilder:
    """[[party]]"""

    def __init__(
        self,
        section: PartySection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
        loan: LoanSection | None,
        zones_of: ZonesOf,
    ) -> None:
        self._keyring = keyring
        self._role = make.text("role", section.role)
        self._key = make.text("key", section.key)
        self._loan = make.text("loan", first_given(section.loan, loan.ref if loan else None))
        self._creditor = make.text("creditor", first_given(section.creditor, loan.creditor if loan else None))
        own_company = borrower.key if borrower else None
        self._company = make.text("company", first_given(section.company, own_company))
        self._since = make.day("since", section.since)
        self._until = make.day("until", section.until)
        described = section.language is not None or borrower is not None
        self._person = _PersonFields(section, make, zones_of, borrower) if described else None
        self.personal: list[Field] = self._person.personal if self._person else []

    def add(self, reader: RowReader, to: Records) -> None:
        """One role and, where the row describes them, the one who plays it; nothing when the key is empty."""
        key = reader.get(self._key, optional)
        if not key:
            if any(reader.get(field, optional) for field in self.personal):
                expected = "give the party's customer key, or leave its name and ID number empty too"
                reader.fault(self._key, FieldFault("B060", "a party without a key", expected))
            return
        role = reader.need(self._role, _a_role)
        since, until = reader.get(self._since, sensible_day), reader.get(self._until, sensible_day)
        if since and until and until < since and self._until is not None:
            reader.fault(
                self._until, FieldFault("B061", f"'{until}' is before '{since}'", "expected a later day")
            )
        loan_id = company = None
        if role in ("borrower", *LOAN_ROLES):
            loan_id = self._loan_id(reader)
        elif role == "company-contact":
            named = reader.need(self._company, required)
            company = customer_hash(self._keyring, named) if named else None
        person = self._person.read(reader, key) if self._person is not None else None
        if reader.faults:
            return
        number = reader.row.number
        if person is not None:
            place = BESIDE_LOAN if role in LOAN_ROLES else BESIDE_COMPANY if company else OWN
            to.borrowers.append(
                person.record(
                    number,
                    self._keyring,
                    as_party=True,
                    place=place,
                    beside_loan=loan_id if place == BESIDE_LOAN else None,
                    beside_company=company,
                )
            )
        hashed = customer_hash(self._keyring, key)
        to.parties.append(PartyRecord(number, hashed, role, loan_id, company, since, until))

    def _loan_id(self, reader: RowReader) -> UUID | None:
        ref = reader.need(self._loan, required)
        creditor = reader.need(self._creditor, required)
        return loan_id_of(creditor, ref) if ref and creditor else None


class ContactPointBuilder:
    """[[contact_point]]"""

    def __init__(
        self,
        section: ContactPointSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
    ) -> None:
        self._keyring = keyring
        self._borrower = make.text(
            "borrower", first_given(section.borrower, borrower.key if borrower else None)
        )
        self._channel = make.text("channel", section.channel)
        self._rank = make.integer("rank", section.rank)
        self._platform = make.text("platform", first_given(section.platform))
        self._address = make.text("address", section.address)
        self._region = make.text("region", first_given(section.region, borrower.region if borrower else None))
        self._collected_on = make.day("collected_on", section.collected_on)
        self._legal_basis = make.text("legal_basis", section.legal_basis) if section.legal_basis else None
        self._leave_out = section.if_bad == "leave-out"
        self.personal = [self._address]

    def add(self, reader: RowReader, to: Records) -> None:
        """One contact point, or none when the address is empty."""
        before = len(reader.faults)
        if not reader.get(self._borrower, optional) and not reader.get(self._address, str.strip):
            return  # of a party that the row does not have
        channel = reader.need(self._channel, _a_channel)
        home = reader.need(self._region, region)
        rank = reader.get(self._rank, rank_of)
        key = reader.need(self._borrower, required)
        collected_on = reader.get(self._collected_on, sensible_day)
        legal_basis = reader.get(self._legal_basis, optional) or None
        address = ""
        if len(reader.faults) == before:
            address = reader.get(
                self._address,
                lambda text: (
                    normal_address(channel, found, home) if (found := address_text(channel, text)) else ""
                ),
            )
        platform = None
        if address:
            platform = reader.get(self._platform, lambda text: platform_of(channel, text))
        if len(reader.faults) > before:
            if self._leave_out:
                reader.faults[before:] = [
                    Fault(
                        f.code, f.column, f.found_and_expected, "Contact point not imported.", refuses=False
                    )
                    for f in reader.faults[before:]
                ]
            return
        if not address:
            return
        hashed = customer_hash(self._keyring, key)
        index = address_index(self._keyring, channel, address)
        own_id = borrower_id_of(hashed)
        point_id = contact_point_id_of(own_id, channel.value, index)
        sealed = seal_value(self._keyring, address, "contact_point", "address", point_id)
        to.contact_points.append(
            ContactPointRecord(
                reader.row.number,
                hashed,
                own_id,
                point_id,
                channel.value,
                rank,
                sealed,
                index,
                _zones(channel, address),
                collected_on,
                legal_basis,
                platform,
            )
        )


def _a_channel(text: str) -> Channel:
    return Channel(_channel_word(text))


def _zones(channel: Channel, address: str) -> list[str] | None:
    return list(number_zones(address)) or None if channel in (Channel.SMS, Channel.VOICE) else None
