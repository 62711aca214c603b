"""The inbox of the lender's own app: messages lie in the book until the app fetches them."""

from __future__ import annotations

from typing import ClassVar

from duecourse.channels.handed import Handed
from duecourse.domain.messaging import Channel


class BookInbox(Handed):
    """Messages for the lender's app; reading is told by `duecourse inbox read`."""

    kind: ClassVar[str] = "inbox.book"
    channel: ClassVar[Channel] = Channel.INBOX
