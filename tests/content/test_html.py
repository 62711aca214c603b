"""HTML made from a text, and the frame around a lender's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duecourse.content.html import framed, html_from_text, with_picture


def body(html: str) -> str:
    return html.partition(">\n<body")[2].partition(">\n")[2].partition("\n</body>")[0]


def test_paragraphs_lists_and_lines_become_html() -> None:
    text = "Dear Ann,\n\nDue soon:\n- car: $5\n- home: $6\n\nBye\nHarbour"
    assert body(html_from_text(text, "en")) == (
        "<p>Dear Ann,</p><p>Due soon:</p><ul><li>car: $5</li><li>home: $6</li></ul><p>Bye<br>Harbour</p>"
    )


def test_the_document_says_its_language_and_direction() -> None:
    assert '<html lang="ar" dir="rtl">' in html_from_text("مرحبا", "ar")
    assert '<html lang="zh-CN" dir="ltr">' in html_from_text("您好", "zh-CN")
    assert "font-size:22px" in html_from_text("x", "en", large=True)


@given(st.text(alphabet="<>&\"'-· \nax", max_size=60), st.text(alphabet="<>&\"'ax", max_size=10))
def test_no_text_becomes_markup(text: str, title: str) -> None:
    inside = body(html_from_text(text, "en", title=title))
    for tag in ("<p>", "</p>", "<br>", "<ul>", "</ul>", "<li>", "</li>"):
        inside = inside.replace(tag, "")
    assert "<" not in inside and ">" not in inside
    assert f"<title>{title}</title>" not in html_from_text(text, "en", title=title) or not set(title) & set(
        '<>&"'
    )


def test_a_whole_document_of_the_lender_s_stays_as_it_is() -> None:
    whole = "<!doctype html>\n<html><body><p>x</p></body></html>"
    assert framed(whole, "ar", large=True) == whole
    assert 'dir="rtl"' in framed("<p>x</p>", "ar")


def test_a_picture_is_shown_once_at_the_end() -> None:
    html = with_picture(html_from_text("x", "en"), "bill.png")
    assert html.count("cid:bill.png") == 1 and with_picture(html, "bill.png") == html
    assert with_picture("<p>no body", "bill.png") == "<p>no body"
