"""What the commands print about where borrowers may be, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # book import
    "{count:,} borrowers have a number that is not of their region; hours hold by the zones of both": (
        "{count:,} 名借款人的号码不属于其所在地区；时段须同时符合两地时区"
    ),
    # borrower show
    "No zone is stated; hours have to hold in all of: {zones}": "未登记时区；时段须在以下各时区均允许：{zones}",
}
