"""Through which day all payments of a source have been told: collection messages wait for it."""

from __future__ import annotations

from datetime import UTC, timedelta

from duecourse.book.feeds import complete_feed

from .endpoint import Call, Day, Endpoint, GivenDay, Model, Text
from .keys import Scope
from .refusing import Refused

_FURTHEST_EAST = timedelta(hours=14)
"""UTC+14: where a day begins first."""


class FeedIn(Model):
    """Whose payments, and through when."""

    creditor: Text
    complete_through: GivenDay


class FeedOut(Model):
    """What the book knows now; an earlier day than it knew changes nothing."""

    creditor: str
    feed: str
    complete_through: Day


def complete(call: Call[FeedIn]) -> FeedOut:
    """The feed's name is the `source` of its payments."""
    stated = call.body.complete_through
    if stated > (call.now.astimezone(UTC) + _FURTHEST_EAST).date():
        raise Refused(422, "D168", "complete_through: a day that has not come yet anywhere")
    through = complete_feed(
        call.conn, creditor=call.body.creditor, source=call.path["name"], complete_through=stated
    )
    return FeedOut(creditor=call.body.creditor, feed=call.path["name"], complete_through=through)


ENDPOINTS = (
    Endpoint(
        "POST", "/feeds/{name:path}", "completeFeed", "Say through which day a source's payments are complete",
        Scope.FEEDS_WRITE, FeedOut, complete, takes=FeedIn,
    ),
)  # fmt: skip
