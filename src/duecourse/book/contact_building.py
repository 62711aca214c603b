"""Builder of contacts made elsewhere: calls and messages of a call centre, an agency, another system."""

from __future__ import annotations

from functools import lru_cache, partial
from uuid import UUID

from duecourse.domain.messaging import Channel, Purpose
from duecourse.privacy.keyring import Keyring

from .addresses import normal_address
from .checking import one_of, region_code, zone_name
from .fields import Field, FieldMaker, RowReader, first_given, optional, required
from .identity import address_index, customer_hash
from .moments import MomentField
from .parsing import FieldFault, length
from .records import ContactDetail, ContactRecord, Records, contact_id_of, digest_of, loan_id_of
from .wish_mapping import ContactSection

_CHANNELS = tuple(channel.value for channel in Channel)
_PURPOSES = tuple(purpose.value for purpose in Purpose)
_ACTORS = ("creditor", "collector", "agency")
_OUTCOMES = ("attempt", "delivered", "connected", "conversation")
_PARTIES = ("borrower", "co-borrower", "guarantor", "third")
_ADDRESS_KINDS = ("home", "work", "mobile")
_INITIATORS = ("lender", "debtor")
LONGEST_MESSAGE = 5_000
"""Characters of a text that an audit looks at."""


class ContactBuilder:
    """[[contact]]"""

    def __init__(self, section: ContactSection, make: FieldMaker, keyring: Keyring) -> None:
        self._keyring = keyring
        self._index_of = lru_cache(maxsize=65_536)(partial(address_index, keyring))
        self._source = make.text("source", section.source)
        self._reference = make.text("reference", section.reference)
        self._borrower = make.text("borrower", first_given(section.borrower))
        self._loan = make.text("loan", first_given(section.loan))
        self._creditor = make.text("creditor", first_given(section.creditor))
        self._channel = make.text("channel", section.channel)
        self._purpose = make.text("purpose", section.purpose)
        self._actor = make.text("actor", section.actor)
        self._outcome = make.text("outcome", section.outcome)
        self._number = make.text("number", first_given(section.number))
        self._region = make.text("region", first_given(section.region))
        self._template = make.text("template", first_given(section.template))
        self._agent = make.text("agent", first_given(section.agent))
        self._at = MomentField(make, "at", section.at)
        self._zone = make.text("zone", first_given(section.zone))
        self._product = make.text("product", first_given(section.product))
        self._party = make.text("party", section.party)
        self._address_kind = make.text("address_kind", first_given(section.address_kind))
        self._initiated_by = make.text("initiated_by", section.initiated_by)
        self._text = make.text("text", first_given(section.text))
        self._subject = make.text("subject", first_given(section.subject))
        self.personal = [self._number, self._text, self._subject]

    def add(self, reader: RowReader, to: Records) -> None:
        """One contact."""
        source = reader.need(self._source, required)
        reference = reader.need(self._reference, required)
        channel = reader.need(self._channel, lambda text: one_of(required(text), _CHANNELS))
        purpose = reader.need(self._purpose, lambda text: one_of(required(text), _PURPOSES))
        actor = reader.need(self._actor, lambda text: one_of(required(text), _ACTORS))
        outcome = reader.need(self._outcome, lambda text: one_of(required(text), _OUTCOMES))
        key = reader.get(self._borrower, optional)
        loan = reader.get(self._loan, optional)
        creditor = reader.need(self._creditor, required) if loan else None
        index = self._index(reader)
        template = reader.get(self._template, optional) or None
        agent = reader.get(self._agent, optional) or None
        at = self._at.need(reader)
        detail = self._detail(reader, key, loan, day_alone=at is not None and at.day_alone)
        if not (key or loan or index) and not reader.faults:
            reader.fault(
                self._borrower,
                FieldFault("B016", "nothing is given", "a borrower, a loan or a number is needed"),
            )
        if at is not None and at.local is not None and not (at.zone or detail.zone or key or loan):
            expected = "give its zone: nobody's is known where only a number is"
            reader.fault(self._reference, FieldFault("B107", "a wall clock without a zone", expected))
        if reader.faults or at is None:
            return
        content = (key, loan, creditor, index, channel, purpose, actor, outcome, template, agent, at)
        to.contacts.append(
            ContactRecord(
                reader.row.number,
                contact_id_of(source, reference),
                source,
                reference,
                customer_hash(self._keyring, key) if key else None,
                loan_id_of(creditor, loan) if loan and creditor else None,
                index,
                channel,
                purpose,
                actor,
                outcome,
                template,
                agent,
                at.instant,
                at.local,
                at.zone or detail.zone or "",
                UUID(bytes=digest_of(content)),
                detail,
            )
        )

    def _detail(
        self, reader: RowReader, key: str | None, loan: str | None, *, day_alone: bool
    ) -> ContactDetail:
        """What only an audit reads; faults are kept."""

        def known(field: Field, words: tuple[str, ...]) -> str | None:
            found: str | None = reader.get(
                field, lambda text: one_of(text.strip(), words) if text.strip() else None
            )
            return found

        return ContactDetail(
            reader.row.line,
            key or None,
            loan or None,
            self._region_of(reader) or None,
            reader.get(self._zone, lambda text: zone_name(text.strip()) if text.strip() else None),
            reader.get(self._product, optional) or None,
            known(self._party, _PARTIES) or "borrower",
            known(self._address_kind, _ADDRESS_KINDS),
            known(self._initiated_by, _INITIATORS) == "debtor",
            day_alone,
            reader.get(self._text, _message) or None,
            reader.get(self._subject, _message) or None,
        )

    def _region_of(self, reader: RowReader) -> str:
        found: str | None = reader.get(
            self._region, lambda text: region_code(text.strip()) if text.strip() else ""
        )
        return found or ""

    def _index(self, reader: RowReader) -> bytes | None:
        """Of the number or e-mail address; None when there is none."""
        number = reader.get(self._number, optional)
        if not number:
            return None
        region = self._region_of(reader)
        channel = Channel.EMAIL if "@" in number else Channel.SMS
        normal = reader.get(self._number, lambda text: _normal(channel, text.strip(), region or "ZZ"))
        return self._index_of(channel, normal) if normal else None


@lru_cache(maxsize=65_536)
def _normal(channel: Channel, text: str, region: str) -> str:
    """As normal_address: a number is called many times."""
    return normal_address(channel, text, region)


def _message(text: str) -> str:
    """A text as it was sent. B024 for one that is too long."""
    if len(text) > LONGEST_MESSAGE:
        raise FieldFault("B024", length(text), f"expected at most {LONGEST_MESSAGE} characters")
    return text.strip()
