"""What a borrower can mean, and what was understood of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Intent(StrEnum):
    """The meaning of an answer, whatever it came by. One answer may have several."""

    STOP = "stop"
    """No more messages (of this kind, here)."""
    START = "start"
    """Messages again, after a stop."""
    PAID = "paid"
    """Says that it has been paid already."""
    WILL_PAY = "will-pay"
    """Says that it will be paid, mostly with a day, sometimes with an amount: a promise to pay."""
    CANNOT_PAY = "cannot-pay"
    """Cannot pay now or in full."""
    WANTS_PLAN = "wants-plan"
    """Asks for installments, an extension, another due day, a lower payment."""
    DISPUTE = "dispute"
    """Says that the debt, the amount or the contract is not right."""
    WRONG_PERSON = "wrong-person"
    """Is not the person who was written to."""
    DECEASED = "deceased"
    """Somebody says that the borrower has died."""
    BANKRUPTCY = "bankruptcy"
    """Bankrupt, insolvent, in a debt procedure."""
    LAWYER = "lawyer"
    """Is represented, or names a lawyer to be spoken to."""
    COMPLAINT = "complaint"
    """Complains of us or threatens to do so at an authority."""
    IDENTITY_THEFT = "identity-theft"
    """Says that somebody else took the loan in their name."""
    DISTRESS = "distress"
    """Despair, thoughts of self-harm, violence at home, grave illness: a person must look at once."""
    AUTHENTICITY = "authenticity"
    """Asks whether this is really the lender, or calls it a fraud."""
    CALL_ME = "call-me"
    """Asks to be called, or for a person."""
    THANKS = "thanks"
    """Thanks, an acknowledgement, nothing to do."""
    ABUSE = "abuse"
    """Insults or threats against us."""
    UNCLEAR = "unclear"
    """Not understood surely enough: a person reads it."""


GRAVE = frozenset(
    {
        Intent.DISTRESS,
        Intent.DECEASED,
        Intent.IDENTITY_THEFT,
        Intent.LAWYER,
        Intent.BANKRUPTCY,
        Intent.DISPUTE,
        Intent.COMPLAINT,
    }
)
"""What reaches a person at once."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What an answer means. intents: the gravest first, never empty; UNCLEAR stands alone."""

    intents: tuple[Intent, ...]
    confidence: float
    """Of the first intent, 0 to 1, as the test half of the labelled answers bears out."""
    by: str
    """Who decided: 'rule', 'model', 'endpoint', 'form', 'staff'."""
    promised_on: date | None = None
    """The day named, in the borrower's zone; None where none was, or it could be two."""
    amount_minor: int | None = None
    """The amount named, in minor units of `currency`; None where none was, or it could be two."""
    currency: str = ""

    @property
    def intent(self) -> Intent:
        """The gravest."""
        return self.intents[0]
