"""Builder of events from a row of a lender's file."""

from __future__ import annotations

import json

from duecourse.privacy.keyring import Keyring

from .checking import currency_code, one_of
from .events import DECISIONS, NO_CURRENCY, SAID_BY_LENDER, WITHOUT_LOAN, event_id_of
from .fields import FieldMaker, RowReader, first_given, optional, required
from .identity import customer_hash
from .mapping import BorrowerSection, LoanSection
from .moments import MomentField
from .parsing import FieldFault
from .records import EventRecord, Records, borrower_id_of, loan_id_of
from .values import TextRule
from .wish_mapping import EventSection


class EventBuilder:
    """[[event]]"""

    def __init__(
        self,
        section: EventSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
        loan: LoanSection | None,
        currency: TextRule | None,
    ) -> None:
        self._keyring = keyring
        self._kind = make.text("kind", section.kind)
        own = borrower.key if borrower else None
        self._borrower = make.text("borrower", first_given(section.borrower, own))
        self._loan = make.text("loan", first_given(section.loan))
        self._creditor = make.text("creditor", first_given(section.creditor, loan.creditor if loan else None))
        self._reference = make.text("reference", section.reference)
        self._at = MomentField(make, "at", section.at)
        self._decision = make.text("decision", first_given(section.decision))
        self._product = make.text("product", first_given(section.product))
        self._currency = make.text("currency", first_given(section.currency, currency))
        self._amount = make.money("amount", section.amount)

    def add(self, reader: RowReader, to: Records) -> None:
        """One event, or none when the column of `kind` is empty. B131 for what a kind does not have, or lacks."""
        kind = reader.get(
            self._kind, lambda text: one_of(text.strip(), SAID_BY_LENDER) if text.strip() else None
        )
        if kind is None and not reader.faults:
            return
        key = reader.get(self._borrower, optional)
        loan = reader.get(self._loan, optional)
        creditor = reader.need(self._creditor, required)
        reference = reader.need(self._reference, required)
        at = self._at.need(reader)
        decision = reader.get(
            self._decision, lambda text: one_of(text.strip(), DECISIONS) if text.strip() else None
        )
        currency = reader.get(
            self._currency, lambda text: currency_code(text) if text.strip() else NO_CURRENCY
        )
        amount = None
        if self._amount is not None and currency not in (None, NO_CURRENCY):
            amount = reader.get(self._amount, None, currency)
        if not reader.faults:
            self._check_kind(reader, kind, key, loan, decision)
        if reader.faults or at is None:
            return
        key_hash = customer_hash(self._keyring, key) if key else None
        loan_id = loan_id_of(creditor, loan) if loan else None
        whose = loan_id or borrower_id_of(key_hash or b"")
        detail = {"reference": reference} | ({"decision": decision} if decision else {})
        to.events.append(
            EventRecord(
                reader.row.number,
                event_id_of(kind, creditor if loan_id is None else "", whose.hex, reference),
                key_hash,
                loan_id,
                kind,
                creditor,
                reader.get(self._product, optional) or "",
                NO_CURRENCY if amount is None and loan_id is None else currency,
                amount,
                json.dumps(detail),
                at.instant,
                at.local,
                at.zone,
                at.day_alone,
            )
        )

    def _check_kind(
        self, reader: RowReader, kind: str, key: str | None, loan: str | None, decision: str | None
    ) -> None:
        if not loan and (kind not in WITHOUT_LOAN or not key):
            expected = "a loan is needed" if kind not in WITHOUT_LOAN else "a borrower or a loan is needed"
            reader.fault(self._loan, FieldFault("B016", "nothing is given", expected))
        if (kind == "application.decided") != (decision is not None):
            found = "no decision" if decision is None else f"a decision about '{kind}'"
            expected = "expected one with 'application.decided' and with nothing else"
            reader.fault(self._decision, FieldFault("B131", found, expected))
