"""Builder of contacts made elsewhere: calls and messages of a call centre, an agency, another system."""

from __future__ import annotations

from uuid import UUID

from duecourse.domain.messaging import Channel, Purpose
from duecourse.privacy.keyring import Keyring

from .checking import normal_address, one_of, region_code
from .fields import FieldMaker, RowReader, first_given, optional, required
from .identity import address_index, customer_hash
from .moments import MomentField
from .parsing import FieldFault
from .records import ContactRecord, Records, contact_id_of, digest_of, loan_id_of
from .wish_mapping import ContactSection

_CHANNELS = tuple(channel.value for channel in Channel)
_PURPOSES = tuple(purpose.value for purpose in Purpose)
_ACTORS = ("creditor", "collector", "agency")
_OUTCOMES = ("attempt", "delivered", "connected", "conversation")


class ContactBuilder:
    """[[contact]]"""

    def __init__(self, section: ContactSection, make: FieldMaker, keyring: Keyring) -> None:
        self._keyring = keyring
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
        self.personal = [self._number]

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
        if not (key or loan or index) and not reader.faults:
            reader.fault(
                self._borrower,
                FieldFault("B016", "nothing is given", "a borrower, a loan or a number is needed"),
            )
        if at is not None and at.local is not None and not at.zone and not (key or loan):
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
                at.zone,
                UUID(bytes=digest_of(content)),
            )
        )

    def _index(self, reader: RowReader) -> bytes | None:
        """Of the number or e-mail address; None when there is none."""
        number = reader.get(self._number, optional)
        if not number:
            return None
        region = reader.get(self._region, lambda text: region_code(text.strip()) if text.strip() else "")
        channel = Channel.EMAIL if "@" in number else Channel.SMS
        normal = reader.get(self._number, lambda text: normal_address(channel, text.strip(), region or "ZZ"))
        return address_index(self._keyring, channel, normal) if normal else None
