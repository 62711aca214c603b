"""What commands say of stops confirmed, retention and acts, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "One message confirms it.": "将发送一条消息予以确认。",
}
