"""Chinese for `duecourse notice`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "The notice is in the book.": "告知已登记。",
    "Notices served to {borrower}": "已向 {borrower} 送达的告知",
    "notice": "告知",
    "served": "送达时间",
    "It may be done.": "可以进行。",
    "Not before {first}": "最早时间：{first}",
    "No waiting alone helps.": "仅靠等待无法满足。",
}
