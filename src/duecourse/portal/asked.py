"""One request to a page: everything its handler may use, and the answers it can give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import psycopg
from starlette.responses import HTMLResponse, RedirectResponse, Response

from duecourse.book.wishes import Person
from duecourse.content.formats import Formats, formats
from duecourse.domain.money import Money
from duecourse.policy.model import Policy
from duecourse.policy.naming import Lender, policies_in_force, product_name
from duecourse.responses.keeping import lock_person
from duecourse.responses.peers import Limits
from duecourse.responses.recording import Room
from duecourse.responses.visits import Visitor
from duecourse.web.site import Site

from .forms import Form
from .frame import ENVIRONMENT, STYLE_PATH, Display, headers
from .lender import lender_of
from .owing import Owed, owed_by
from .texts import LANGUAGES, catalogue, say

if TYPE_CHECKING:
    from .page import Page

TAIL: Final = 4
"""Characters of a contract number that are shown, as in messages."""
DONE: Final = "done"
"""The query field that names the text to be said once after a form."""


@dataclass
class Asked:
    """A request as a page sees it. Personal: never logged."""

    site: Site
    conn: psycopg.Connection
    """In a transaction, which is committed when the handler has answered, and rolled back when it raises."""
    now: datetime
    method: str
    """GET, HEAD or POST."""
    path: str
    parameters: Mapping[str, Any]
    """Of the path."""
    query: Mapping[str, str]
    form: Form
    display: Display
    visitor: Visitor | None
    token: str = field(repr=False)
    """Of the visit, as the cookie has it; '' without one."""
    csrf: str = field(repr=False)
    """What every form must carry."""
    pages: Sequence[Page]
    """Every page that is mounted."""
    limits: Limits
    room: Callable[[], Room]
    """Makes what recording an answer works with."""
    peer: str
    """The network address it came from."""
    user_agent: str = ""
    prefetch: str = ""
    """What the browser says of why it asks: the headers Sec-Purpose, Purpose, X-Moz."""
    form_action: Sequence[str] = ()
    cookies: dict[str, str | None] = field(default_factory=dict)
    """To be set with the answer; None: to be taken away. By the names of `serving`."""

    @property
    def posted(self) -> bool:
        """Whether a form was sent; its token, origin and length have been checked."""
        return self.method == "POST"

    @property
    def person(self) -> Person:
        """Who visits. Raises ValueError on a page that is for anybody."""
        if self.visitor is None:
            raise ValueError("nobody has shown who they are")
        return Person(self.visitor.lane, self.visitor.borrower_id)

    def alone(self) -> None:
        """Wait for other forms of the visitor, and let others wait for this one, until it is answered."""
        lock_person(self.conn, self.person)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The visitor's, by which days and hours are told; UTC before anybody has shown who they are."""
        return ZoneInfo(self.visitor.zone if self.visitor else "UTC")

    @property
    def today(self) -> date:
        """The visitor's day."""
        return self.now.astimezone(self.zone).date()

    @property
    def language(self) -> str:
        """One of texts.LANGUAGES."""
        return self.display.language

    @cached_property
    def formats(self) -> Formats:
        """How money and dates are written for this reader."""
        return formats(self.language)

    @cached_property
    def policies(self) -> list[Policy]:
        """Those in force, of the highest priority first."""
        return policies_in_force(self.conn)

    @cached_property
    def owed(self) -> list[Owed]:
        """What the visitor owes."""
        return owed_by(self.conn, self.person, today=self.today)

    @cached_property
    def lender(self) -> Lender:
        """In whose name the page speaks: the visitor's creditor, else the only one there is."""
        return lender_of(self.conn, self.policies, self.language, self.person if self.visitor else None)

    def product(self, key: str) -> str:
        """The name of a product of the book."""
        return product_name(self.policies, key, self.language)

    def tail(self, number: str) -> str:
        """The end of a contract number, as messages show it."""
        return self.formats.telephone("…\N{WORD JOINER}" + number[-TAIL:])

    def say(self, key: str, **values: object) -> str:
        """A text in the reader's language; money and days among the values are written as they are there."""
        return say(self.language, key, **{name: self.written(value) for name, value in values.items()})

    def written(self, value: object) -> object:
        """Money and days in words, anything else as it is."""
        match value:
            case Money():
                return self.money(value)
            case datetime():
                return self.moment(value)
            case date():
                return self.day(value)
        return value

    def money(self, amount: Money) -> str:
        """¥1,234.00"""
        return self.formats.money(amount)

    def day(self, day: date, style: str = "") -> str:
        """10 March, with the year where it is another than this one. style: of formats.DATE_STYLES."""
        return self.formats.date(day, style or ("day" if day.year == self.today.year else "year"))

    def moment(self, at: datetime) -> str:
        """10 March, 09:30, by the visitor's clock."""
        local = at.astimezone(self.zone)
        return self.say("frame.moment", day=local.date(), time=f"{local:%H:%M}")

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        **values: object,
    ) -> Response:
        """The page made of a template; with faults in the form its status is 422."""
        if self.form.errors and status == 200:
            status = 422
        text = ENVIRONMENT.get_template(template).render(
            asked=self,
            form=self.form,
            say=self.say,
            money=self.money,
            day=self.day,
            moment=self.moment,
            languages=LANGUAGES,
            style_path=STYLE_PATH,
            right_to_left=self.formats.right_to_left,
            notice=self._notice(),
            **values,
        )
        return HTMLResponse(text, status, headers(self.form_action))

    def go(self, path: str, *, done: str = "") -> Response:
        """Elsewhere among our pages, by 303. done: key of a text to be said there once; nothing personal in either."""
        place = f"{path}?{DONE}={done}" if done else path
        return RedirectResponse(place, 303, headers(self.form_action))

    def _notice(self) -> str:
        """What was just done, if the address says so: one of our own texts without values, or nothing."""
        text = catalogue(self.language).get(self.query.get(DONE, ""))
        return text if isinstance(text, str) and "{" not in text and not self.form.errors else ""
