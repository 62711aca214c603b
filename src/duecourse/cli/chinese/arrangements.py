"""What `arrangement` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{count:,} arrangements with borrowers end, since the file says something else": (
        "{count:,} 项与借款人的约定因文件内容不同而终止"
    ),
}
