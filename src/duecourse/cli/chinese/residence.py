"""What the commands print about where borrowers may be, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # book import
    "Borrowers with a number that is not of their region: {count:,}; hours hold by the zones of both": (
        "号码不属于所在地区的借款人：{count:,} 名；时段须同时符合两地时区"
    ),
    # borrower show
    "No zone is stated; hours have to hold in all of: {zones}": "未登记时区；时段须在以下各时区均允许：{zones}",
}
