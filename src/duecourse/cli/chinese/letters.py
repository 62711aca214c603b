"""What `letter` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{reference}: no letter of {provider} has it.": "{reference}：{provider} 没有此编号的信函。",
    "{count:,} would be taken; nothing was stored.": "将接收 {count:,} 条；未写入。",
    "{count:,} taken.": "已接收 {count:,} 条。",
}
