"""Builders of borrowers and their contact points: personal data are sealed here, before anything is staged."""

from __future__ import annotations

import json

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value

from .checking import language_tag, normal_address, one_of, region_code, zone_name
from .fields import FieldMaker, RowReader, first_given, optional, rank_of, read_attributes, required
from .identity import ADDRESSABLE, address_index, customer_hash, id_number_index, row_digest
from .mapping import BorrowerSection, ContactPointSection
from .records import BorrowerRecord, ContactPointRecord, Fault, Records, borrower_id_of, contact_point_id_of

_CHANNELS = tuple(channel.value for channel in ADDRESSABLE)


class BorrowerBuilder:
    """[borrower]"""

    def __init__(self, section: BorrowerSection, make: FieldMaker, keyring: Keyring) -> None:
        self._keyring = keyring
        self._key = make.text("key", section.key)
        self._name = make.text("name", section.name) if section.name else None
        self._id_number = make.text("id_number", section.id_number) if section.id_number else None
        self._language = make.text("language", section.language)
        self._region = make.text("region", section.region)
        self._zone = make.text("zone", section.zone)
        self._grade = make.text("grade", section.grade)
        self._attributes = make.attributes("attributes", section.attributes)
        self.personal = [field for field in (self._name, self._id_number) if field is not None]

    def add(self, reader: RowReader, to: Records) -> None:
        """One borrower."""
        key = reader.need(self._key, required)
        name = reader.get(self._name, optional) or None
        id_number = reader.get(self._id_number, optional) or None
        language = reader.need(self._language, lambda text: language_tag(required(text)))
        region = reader.need(self._region, lambda text: region_code(required(text)))
        zone = reader.need(self._zone, lambda text: zone_name(required(text)))
        grade = reader.get(self._grade, optional)
        attributes = json.dumps(read_attributes(reader, self._attributes), ensure_ascii=False, sort_keys=True)
        if reader.faults:
            return
        hashed = customer_hash(self._keyring, key)
        own_id = borrower_id_of(hashed)
        to.borrowers.append(
            BorrowerRecord(
                reader.row.number,
                hashed,
                own_id,
                key,
                seal_value(self._keyring, name, "borrower", "name", own_id) if name else None,
                seal_value(self._keyring, id_number, "borrower", "id_number", own_id) if id_number else None,
                id_number_index(self._keyring, id_number) if id_number else None,
                language,
                region,
                zone,
                grade,
                attributes,
                row_digest(self._keyring, (name, id_number, language, region, zone, grade, attributes)),
            )
        )


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
        self._address = make.text("address", section.address)
        self._region = make.text("region", first_given(section.region, borrower.region if borrower else None))
        self._leave_out = section.if_bad == "leave-out"
        self.personal = [self._address]

    def add(self, reader: RowReader, to: Records) -> None:
        """One contact point, or none when the address is empty."""
        before = len(reader.faults)
        channel = reader.need(self._channel, lambda text: Channel(one_of(text, _CHANNELS)))
        region = reader.need(self._region, lambda text: region_code(required(text)))
        rank = reader.get(self._rank, rank_of)
        key = reader.need(self._borrower, required)
        address = ""
        if len(reader.faults) == before:
            address = reader.get(
                self._address,
                lambda text: normal_address(channel, found, region) if (found := optional(text)) else "",
            )
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
                reader.row.number, hashed, own_id, point_id, channel.value, rank, sealed, index
            )
        )
