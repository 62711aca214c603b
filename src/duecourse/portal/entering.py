"""Getting in and out: a link asks for the second factor, an answer begins a visit, and the visitor can leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import Response

from duecourse.book.preferences import PreferenceKind, add_preference, end_preference
from duecourse.book.wishes import Said
from duecourse.policy.model import Policy
from duecourse.policy.naming import Lender, named
from duecourse.responses.links import Link, LinkRefusal, open_link
from duecourse.responses.telling import Told
from duecourse.responses.visits import Refused, VisitRefusal, begin_visit, end_visit, questions_of

from .asked import Asked
from .frame import BEFORE, DISPLAY, VISIT, Display, own_path
from .lender import SQL
from .page import Page
from .texts import LANGUAGES, closest

MOST_ANSWER: Final = 64
_GONE: Final = {
    LinkRefusal.UNKNOWN: (404, "enter.unknown"),
    LinkRefusal.EXPIRED: (410, "enter.expired"),
    LinkRefusal.REVOKED: (410, "enter.revoked"),
    LinkRefusal.TOO_MANY: (429, "enter.too_many"),
}


def open_page(asked: Asked) -> Response:
    """`/l/CODE`: in whose name, and the question. Who is not seen to be a person gets a page with nothing in it."""
    link = open_link(
        asked.conn,
        asked.site.keyring,
        str(asked.parameters["code"]),
        peer=asked.peer,
        user_agent=asked.user_agent,
        method=asked.method,
        prefetch=asked.prefetch,
        now=asked.now,
        limits=asked.limits,
    )
    if not isinstance(link, Link):
        status, key = _GONE[link]
        return asked.show("gone.html", status=status, key=key)
    if not asked.display.chosen and (language := closest(link.language)):
        asked.display = replace(asked.display, language=language)
    visitor = asked.visitor
    if visitor and visitor.borrower_id == link.borrower_id and not asked.posted:
        return asked.go("/me")
    if asked.method == "HEAD" or (link.told is not Told.PERSON and not asked.posted):
        return asked.show("wait.html")
    return _ask(asked, link)


def _ask(asked: Asked, link: Link) -> Response:
    questions = questions_of(asked.conn, asked.site.keyring, link)
    asked.lender = _lender_of_link(asked, link, asked.policies)
    if not questions:
        return asked.show("gone.html", status=403, key="enter.no_question")
    form = asked.form
    if asked.posted and form.get("question"):
        question = form.choice("question", [one.value for one in questions], needed="enter.answer_needed")
        answer = form.text("answer", most=MOST_ANSWER, needed="enter.answer_needed")
        if not form.errors:
            begun = begin_visit(
                asked.conn,
                asked.site.keyring,
                link,
                question,
                answer,
                peer=asked.peer,
                now=asked.now,
                limits=asked.limits,
            )
            if isinstance(begun, str):
                asked.cookies |= {VISIT: begun, BEFORE: None}
                return asked.go("/me")
            if refusal := _refused(asked, begun):
                return refusal
    return asked.show("enter.html", questions=questions)


def _refused(asked: Asked, refusal: VisitRefusal) -> Response | None:
    """The page for an answer that no other can follow now; None where another try is left."""
    match refusal.why:
        case Refused.WRONG:
            asked.form.fault("answer", "enter.wrong", count=refusal.tries_left)
            return None
        case Refused.LOCKED:
            return asked.show("gone.html", status=429, key="enter.locked")
        case Refused.TOO_MANY:
            return asked.show("gone.html", status=429, key="enter.too_many")
        case Refused.NO_LINK:
            return asked.show("gone.html", status=410, key="enter.revoked")


def _lender_of_link(asked: Asked, link: Link, policies: list[Policy]) -> Lender:
    """Of the message that carried it, else of the person."""
    given = {
        "lane": link.lane,
        "borrower_id": link.borrower_id,
        "sent_lane": link.sent_lane,
        "message_id": link.message_id,
    }
    row = asked.conn.execute(SQL["creditor_of_link"], given).fetchone()
    return named(policies, row[0], asked.language) if row else Lender()


def leave(asked: Asked) -> Response:
    """End the visit, by a form; asked for by its address it says how."""
    if not asked.posted:
        return asked.show("leave.html")
    _end(asked)
    return asked.go("/bye")


def _end(asked: Asked) -> None:
    if token := asked.token:
        end_visit(asked.conn, asked.site.keyring, token, now=asked.now)
    asked.cookies[VISIT] = None


def home(asked: Asked) -> Response:
    """Our address without a code: how to get in."""
    return asked.show("ended.html")


def nothing(asked: Asked) -> Response:
    """A page that is not there."""
    return asked.show("gone.html", status=404, key="enter.nothing")


def bye(asked: Asked) -> Response:
    """After leaving."""
    return asked.show("bye.html")


def set_display(asked: Asked) -> Response:
    """Language and type size: kept in this browser, and as wishes of who has shown who they are."""
    if not asked.posted:
        return asked.show("display.html")
    language = asked.form.get("language")
    if language not in LANGUAGES:
        language = asked.language
    size = asked.form.get("large")
    large = size == "1" if size in ("0", "1") else asked.display.large
    asked.cookies[DISPLAY] = Display(language, large).cookie
    if asked.visitor is not None:
        keep_display(asked, language, large)
    return asked.go(own_path(asked.form.get("back")))


def keep_display(asked: Asked, language: str, large: bool) -> None:
    """Record language and type size as the visitor's wishes, where the book has others."""
    said = Said("chosen on the borrower's page", "page", "borrower", asked.now, asked.now)
    visitor, person = asked.visitor, asked.person
    if visitor is None or language != closest(visitor.language):
        add_preference(asked.conn, person, PreferenceKind.LANGUAGE, {"language": language}, said=said)
    if visitor is None or large != visitor.large:
        if large:
            add_preference(asked.conn, person, PreferenceKind.LARGE_TYPE, {"wanted": True}, said=said)
        else:
            end_preference(
                asked.conn,
                person,
                PreferenceKind.LARGE_TYPE,
                by="borrower",
                at=asked.now,
                now=asked.now,
            )


PAGES: Final = (
    Page("/", home, signed_in=False, posts=False),
    Page("/l/{code}", open_page, signed_in=False),
    Page("/me/leave", leave),
    Page("/bye", bye, signed_in=False, posts=False),
    Page("/display", set_display, signed_in=False),
)
