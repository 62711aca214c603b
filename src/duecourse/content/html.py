"""HTML made from a plain text, and the frame of a lender's own: language, direction, large type where wanted."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from .formats import formats

_ITEM: Final = re.compile(r"\s*[-·•*]\s+(.*)")
_WHOLE: Final = re.compile(r"\A\s*(?:<!doctype[^>]*>\s*)?<html\b", re.I)
_FONTS: Final = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','PingFang SC','Microsoft YaHei',sans-serif"
)
ORDINARY_PX: Final = 16
LARGE_PX: Final = 22
"""18 points and more are what guidelines call large print (American Printing House; RNIB: 16 to 18); 22 px are 16.5 pt
at 96 px to the inch, with a line and a half between lines."""


def html_from_text(text: str, language: str, *, title: str = "", large: bool = False, link: str = "") -> str:
    """A whole document: paragraphs at empty lines, lists where lines begin with a dash or a dot; all escaped.

    link: our own address, which can be followed where it stands; no other can, for a name could hold one.
    """
    body = "".join(_blocks(text))
    if link:
        shown = escape(link, quote=False)
        body = body.replace(shown, f'<a href="{escape(link)}">{shown}</a>')
    return _document(body, language, title, large)


def framed(html: str, language: str, *, title: str = "", large: bool = False) -> str:
    """A template's own HTML: a whole document stays as it is, a fragment gets a document around it."""
    return html if _WHOLE.match(html) else _document(html, language, title, large)


def with_picture(html: str, name: str) -> str:
    """An e-mail's HTML that shows an attached picture at its end; HTML that shows it already stays as it is."""
    reference = f"cid:{name}"
    before, body, after = html.rpartition("</body>")
    if reference in html or not body:
        return html
    image = f'<p><img src="{reference}" alt="" style="max-width:100%;border:1px solid #d5d8dc"></p>'
    return f"{before}{image}\n{body}{after}"


def _document(body: str, language: str, title: str, large: bool) -> str:
    direction = "rtl" if formats(language).right_to_left else "ltr"
    size = LARGE_PX if large else ORDINARY_PX
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}" dir="{direction}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title></head>\n'
        f'<body style="margin:0 auto;padding:24px;max-width:640px;font-family:{_FONTS};font-size:{size}px;'
        f'line-height:1.5;color:#1a1a1a;background:#ffffff">\n{body}\n</body>\n</html>'
    )


def _blocks(text: str) -> list[str]:
    """Paragraphs and lists, in order."""
    blocks: list[str] = []
    lines: list[str] = []
    items: list[str] = []

    def close() -> None:
        if lines:
            blocks.append(f"<p>{'<br>'.join(lines)}</p>")
        if items:
            blocks.append(f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>")
        lines.clear()
        items.clear()

    for line in text.splitlines():
        item = _ITEM.fullmatch(line)
        if not line.strip() or bool(item) != bool(items):
            close()
        if item:
            items.append(escape(item[1], quote=False))
        elif line.strip():
            lines.append(escape(line.strip(), quote=False))
    close()
    return blocks
