"""Whether a notice is ours: anybody may ask by the code in it, and learns only that and the day."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from duecourse.responses.authenticity import Sent, check_code
from duecourse.responses.links import LinkRefusal

from .asked import Asked
from .page import Page

MOST_CODE: Final = 64


def check(asked: Asked) -> Response:
    """`/check`. By a form, so that a code stands in no address of ours and in nobody's list of visited pages."""
    form = asked.form
    if not asked.posted:
        return asked.show("check.html", found=None)
    code = form.text("code", most=MOST_CODE, needed="checking.code_needed")
    if form.errors:
        return asked.show("check.html", found=None)
    found = check_code(
        asked.conn, asked.site.keyring, code, peer=asked.peer, now=asked.now, limits=asked.limits
    )
    if isinstance(found, LinkRefusal):
        return asked.show("gone.html", status=429, key="enter.too_many")
    return asked.show("check.html", found="ours" if isinstance(found, Sent) else "not_ours", sent=found)


PAGES: Final = (Page("/check", check, signed_in=False),)
