"""Call tasks: they lie in the book until the lender's staff export them and import what became of each."""

from __future__ import annotations

from typing import ClassVar

from duecourse.channels.handed import Handed
from duecourse.domain.messaging import Channel


class BookTasks(Handed):
    """Calls for a person to make; results are told by `duecourse task import`."""

    kind: ClassVar[str] = "task.book"
    channel: ClassVar[Channel] = Channel.TASK
