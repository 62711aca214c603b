"""What borrowers said, and what they stated of their household, goes when its time of keeping is over.

Words alone go: that an answer came, when, how it was read and what followed from it stays, and so do clicks and
visits, which say nothing of whose they are without the code itself.
"""

from __future__ import annotations

from typing import Final

from duecourse.dispatch.keeping import Subject
from duecourse.store.sql import load

ANSWERS: Final = Subject("answers", "messages", load("responses/forgetting"), "answer", and_replies=True)
"""Their words, the notes of staff on them, and what was stated with them."""
