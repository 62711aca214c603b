"""The bill as a picture, for channels that carry one: what is due, when, whom to ask, and not the borrower's name."""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files
from typing import Any, Final

from duecourse.domain.messaging import Attachment
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.typefaces import families_for
from duecourse.domain.typesetting import Typesetter

from .formats import Formats, formats
from .shipped import bill_words
from .variables import Amount, Facts, template_values

NAME: Final = "bill.png"
"""What the picture is called; an e-mail's HTML shows it where it says `cid:bill.png`."""
_SOURCE: Final = files(__package__).joinpath("bill.typ").read_text("utf-8")
_WIDTH: Final = 400
_SIZE, _LARGE_SIZE = 14, 20
"""Points. At 144 to the inch the picture is 800 wide, as wide as two thirds of a telephone's screen at the least."""


class BillArtist:
    """Draws bills, in about 10 ms each. Fonts are read at the first; for one thread at a time."""

    def warm(self) -> None:
        """Read the fonts now, which takes a second: in a claim there is none to spare."""
        self._typesetter.missing("贷")
        self._typesetter.png("#set text(font: json(bytes(sys.inputs.fonts)))\n贷Aअش", {})

    def __call__(self, facts: Facts, language: str, large: bool) -> Attachment:
        """The picture as a PNG. Raises DuecourseError P412 where a character has no font or the page cannot be set."""
        values = bill_values(facts, language, large)
        shown = "".join(str(value) for value in (*values.values(), *values["rows"]))
        if lacking := self._typesetter.missing(shown):
            message = f"no font has {len(lacking)} of its characters"
            raise DuecourseError(Problem("P412", f"picture bill {language}", message))
        try:
            content = self._typesetter.png(_SOURCE, values, families=families_for(language))
        except ValueError as error:
            raise DuecourseError(Problem("P412", f"picture bill {language}", str(error))) from None
        return Attachment(NAME, "image/png", content)

    @cached_property
    def _typesetter(self) -> Typesetter:
        return Typesetter()


def bill_values(facts: Facts, language: str, large: bool) -> dict[str, Any]:
    """What stands on the bill, in words. Personal: never logged."""
    own, words = formats(language), bill_words(language)
    values = template_values(facts, language)
    items: list[dict[str, Any]] = values["items"]
    several = len(items) > 1
    return {
        "width": _WIDTH,
        "size": _LARGE_SIZE if large else _SIZE,
        "lang": own.locale.language,
        "region": own.locale.territory,
        "rtl": own.right_to_left,
        "creditor": values["creditor"],
        "title": words["title"],
        "rows": [_row(item, own, words) for item in items],
        "total_word": words["total"],
        "total": own.money(values["total"]) if several else "",
        "phone": f"{words['questions']} {values['contact_phone']}" if "contact_phone" in values else "",
    }


def _row(item: dict[str, Any], own: Formats, words: Any) -> dict[str, str]:
    balance: Amount | None = item["balance"]
    return {
        "product": f"{item['product']} · {words['least']}" if balance else item["product"],
        "amount": own.money(item["amount"]),
        "contract": f"{words['contract']} {own.telephone('…' + item['loan_ref'])}",
        "due": f"{words['due']} {own.date(item['due_on'], 'year')}",
        "statement": f"{words['statement']} {own.money(balance)}" if balance else "",
    }
