"""The frame every page stands in: templates, the one stylesheet, headers, and how it is shown to this reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from .texts import LANGUAGES

_STYLE: Final = files(__package__).joinpath("style.css").read_bytes()
STYLE_PATH: Final = f"/assets/{sha256(_STYLE).hexdigest()[:16]}.css"
"""The stylesheet under a name of its content: kept for a year, and never the wrong one."""

VISIT: Final = "visit"
"""The cookie that holds a visit's token."""
BEFORE: Final = "before"
"""The cookie that binds the forms of somebody who has not shown who they are."""
DISPLAY: Final = "display"
"""The cookie that keeps the language and type size chosen in this browser."""
KEPT_SECONDS: Final = {VISIT: None, BEFORE: None, DISPLAY: 365 * 86_400}
"""None: until the browser is closed; the visit itself ends by its own clock."""

_OURS: Final = re.compile(r"/[A-Za-z0-9/_-]*")

ENVIRONMENT: Final = Environment(
    loader=PackageLoader("duecourse.portal"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Display:
    """How pages are shown to somebody. chosen: they said so in this browser."""

    language: str
    """One of texts.LANGUAGES."""
    large: bool
    chosen: bool = False

    @classmethod
    def kept(cls, cookie: str) -> Display | None:
        """What a cookie says; None for anything but a choice of ours."""
        language, _, size = cookie.partition(".")
        if language in LANGUAGES and size in ("0", "1"):
            return cls(language, size == "1", True)
        return None

    @property
    def cookie(self) -> str:
        """To be kept in the browser."""
        return f"{self.language}.{int(self.large)}"


def headers(form_action: Sequence[str] = ()) -> dict[str, str]:
    """Of every page: nothing from elsewhere, no script, kept nowhere, shown in nobody's frame.

    form_action: origins besides our own to which its forms may lead.
    """
    targets = " ".join(("'self'", *form_action))
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "X-Robots-Tag": "noindex, nofollow",
    }


def style() -> bytes:
    """The stylesheet."""
    return _STYLE


def own_path(path: str) -> str:
    """A path of ours to go back to; the bill for anything else, so that nobody is sent to another site."""
    return path if _OURS.fullmatch(path) and not path.startswith("//") else "/me"
