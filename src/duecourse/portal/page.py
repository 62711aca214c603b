"""A page of the portal, and the button by which the bill leads to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.responses import Response

from .asked import Asked

Handler: TypeAlias = Callable[[Asked], Response]


def _always(_asked: Asked) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Button:
    """How the bill leads to a page."""

    text: str
    """Key of its text."""
    group: Literal["pay", "answer", "more"]
    """pay: the one filled button under the amount; answer: what a borrower may say of it; more: the list below."""
    order: int
    """Within the group; steps of ten leave room."""
    shown: Callable[[Asked], bool] = _always
    """Whether this visitor may use it now."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. Its handler answers GET and, where `posts`, POST."""

    path: str
    """As Starlette writes it: `/me/pay/{request_id}`. Nothing personal in it."""
    handle: Handler
    signed_in: bool = True
    """Only for a visitor who has given the second factor; others see how to get in. False: for anybody."""
    posts: bool = True
    button: Button | None = None
    """On the bill; only for a page with a path of its own, without parameters."""
    form_action: Sequence[str] = ()
    """Origins besides our own to which its form may lead, for the content security policy."""
