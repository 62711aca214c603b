"""The pages in a real browser: every one on a phone and a desktop, by an accessibility checker, and without JavaScript.

DUECOURSE_SCREENSHOTS names a folder to which each page is drawn, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from hardship import lend, loan_of, offer
from sealed_files import close_and_certify
from sent_links import PHONE
from visiting import ANSWER, ID_NUMBER, Portal, served

from .early_book import lend_on_terms

MOST_BYTES = 50_000
"""Of a page with all it needs."""
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
ALL = [
    "/me", "/me/history", "/me/paid", "/me/promise", "/me/dispute", "/me/preferences", "/me/stop", "/me/contact",
    "/me/early", "/me/data", "/me/certificate", "/me/leave", "/check", "/check/certificate", "/me/nothing-there",
]  # fmt: skip
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE = Axe()
"""The checker, in the version that its package carries."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        why = "chromium is not installed"
        if os.environ.get("DUECOURSE_TEST_ALL") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(portal: Portal) -> Iterator[str]:
    """Where the pages of a borrower with three loans, one of them overdue and one settled, are served."""
    portal.lender.book(
        "loan product due_on amount\nHT-88120 cash-loan 2026-03-10 1234.56 CNY\nHT-99000 card 2026-03-03 618.00 CNY\n"
        "HT-77000 cash-loan 2026-02-03 99.00 CNY",
        borrower="B-browser",
        id_number=ID_NUMBER,
    )
    lend_on_terms(portal.lender, "HT-77310", "B-browser", "car-loan", times=90)
    with portal.lender.conn.transaction():
        portal.lender.conn.execute(
            """UPDATE installment SET principal_minor = due_minor - 20456, interest_minor = 20456, grace_days = 3
               WHERE due_minor IN (123456, 61800)"""
        )
    with ThreadPoolExecutor(1) as beside:  # the browser's event loop runs in this thread
        beside.submit(close_and_certify, portal.lender, "HT-77000", "2026-03-08").result()
    portal.link("B-browser", "Harbour Bank: CN¥1,234.56 is due on 10 March. Questions: 400 000 0000.")
    with served(portal) as url:
        yield url


def context(browser: Browser, size: str, language: str = "en", **more: Any) -> BrowserContext:
    """A browser window of a size whose owner reads a language."""
    width, height = SIZES[size]
    opened = browser.new_context(
        viewport={"width": width, "height": height}, locale=language, user_agent=PHONE, **more
    )
    opened.set_default_timeout(30_000)
    return opened


def enter(page: Page, portal: Portal, address: str) -> None:
    """By a link of one's own, with the right answer."""
    page.goto(address + portal.link("B-browser"))
    page.fill("#answer", ANSWER)
    page.click("main button")
    page.wait_for_url("**/me")


def speak(page: Page, language: str) -> None:
    """By the language menu."""
    page.click("summary")
    page.click(f"button[name=language][value={language}]")
    page.wait_for_selector(f"html[lang={language}]")


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants one."""
    if folder := os.environ.get("DUECOURSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name.strip('/').replace('/', '-')}.png", full_page=True)


def assert_accessible(page: Page, where: str) -> None:
    """By the checker, which the context has put into the page; only what it finds wrong is brought over."""
    told = page.evaluate(
        """options => axe.run(document, options).then(result => result.violations.map(
               one => [one.id, one.nodes.map(node => node.html.slice(0, 200))]))""",
        RULES,
    )
    assert told == [], where


def assert_reflows(page: Page, where: str) -> None:
    """At every width, down to the 320 pixels that 400 % zoom leaves of 1280, nothing is wider than the window."""
    for width, height in [(320, 640), *SIZES.values()]:
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (where, width)


@pytest.mark.parametrize(("size", "language"), [("phone", "zh-CN"), ("desktop", "en")])
def test_every_page_is_accessible_fits_every_window_and_is_small(
    browser: Browser, portal: Portal, address: str, size: str, language: str
) -> None:
    width, height = SIZES[size]
    with context(browser, size) as opened:
        opened.add_init_script(AXE.axe_script)
        page = opened.new_page()
        octets: list[int] = []
        page.on("response", lambda response: octets.append(len(response.body())))
        page.goto(address + portal.link("B-browser"))
        speak(page, language)
        assert_accessible(page, "the question")
        page.fill("#answer", "000000")
        page.click("main button")
        page.wait_for_selector(".wrong")
        assert_accessible(page, "a wrong answer")
        look(page, f"wrong-{size}-{language}")
        page.fill("#answer", ANSWER)
        page.click("main button")
        page.wait_for_url("**/me")
        octets.clear()
        for path in ALL:
            page.goto(address + path)
            assert page.locator("h1").count() == 1
            assert_accessible(page, path)
            assert_reflows(page, path)
            page.set_viewport_size({"width": width, "height": height})
            look(page, f"{path}-{size}-{language}")
        style = page.request.get(address + str(page.get_attribute("link[rel=stylesheet]", "href"))).body()
        assert len(octets) >= len(ALL) and max(octets) + len(style) < MOST_BYTES


def test_large_type_and_right_to_left_fit_every_window(
    browser: Browser, portal: Portal, address: str
) -> None:
    with context(browser, "phone") as opened:
        opened.add_init_script(AXE.axe_script)
        page = opened.new_page()
        enter(page, portal, address)
        page.click("button[name=large]")
        page.wait_for_selector("html.large")
        for language, way in (("ar", "rtl"), ("zh-CN", "ltr")):
            speak(page, language)
            assert page.get_attribute("html", "dir") == way
            assert_accessible(page, language)
            assert_reflows(page, language)
            page.set_viewport_size({"width": 360, "height": 740})
            look(page, f"me-large-{language}")
        page.click("button[name=large]")  # as it was, for whoever visits next
        page.wait_for_selector("html:not(.large)")


def test_a_whole_path_works_without_javascript(browser: Browser, portal: Portal, address: str) -> None:
    portal.lender.book(
        "loan due_on amount\nHT-plain 2026-03-10 500.00 CNY", borrower="B-plain", id_number=ID_NUMBER
    )
    with context(browser, "phone", java_script_enabled=False) as opened:
        page = opened.new_page()
        page.goto(address + portal.link("B-plain"))
        page.fill("#answer", ANSWER)
        page.click("main button")
        assert page.locator(".owed .amount").inner_text() == "CN¥500.00"
        page.click("text=I will pay on…")
        page.click("main button")
        assert page.locator(".wrong a").get_attribute("href") == "#on"
        page.fill("#on", "2026-03-12")
        page.fill("#amount", "200")
        page.click("main button")
        assert "We have noted the day" in page.locator(".done").inner_text()
        page.click("text=Something is wrong")
        page.check("text=The amount is not right")
        page.fill("#text", "It should be 450.")
        page.click("main button")
        assert "passed it to a person" in page.locator(".done").inner_text()
        page.click("text=How we may reach you")
        page.uncheck("text=E-mail")
        page.click("main button.main")
        assert "It holds from now on" in page.locator(".done").inner_text()
        page.click("text=Sign out")
        page.click("main button")
        assert "You are signed out" in page.locator("h1").inner_text()
        assert page.goto(address + "/me").status == 403  # type: ignore[union-attr]


def test_the_keyboard_reaches_the_content_first_and_shows_where_it_is(
    browser: Browser, portal: Portal, address: str
) -> None:
    with context(browser, "desktop") as opened:
        page = opened.new_page()
        page.goto(address + "/check")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Tab")
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(ring.removesuffix("px")) >= 2


@pytest.mark.parametrize(("size", "language"), [("phone", "zh-CN"), ("desktop", "en")])
def test_who_cannot_pay_compares_offers_and_agrees_to_one(
    browser: Browser, portal: Portal, address: str, size: str, language: str
) -> None:
    borrower = f"B-hardship-{size}"
    offer(portal.lender)
    lend(portal.lender, borrower, id_number=ID_NUMBER, first="2026-02-15")
    with context(browser, size) as opened:
        opened.add_init_script(AXE.axe_script)
        page = opened.new_page()
        page.goto(address + portal.link(borrower))
        page.fill("#answer", ANSWER)
        page.click("main button")
        page.wait_for_url("**/me")
        speak(page, language)
        page.click("a[href='/me/plan']")
        page.click("main button.main")
        page.wait_for_selector(".wrong")
        check(page, "plan", size, language)
        page.check("input[value=less-income]")
        for field, amount in (("income", "6500"), ("costs", "4000"), ("debts", "1000")):
            page.fill(f"#{field}", amount)
        page.fill("#until", "2026-03-25")
        page.select_option("#due_day", "20")
        page.click("main button.main")
        page.wait_for_selector(".sides")
        page.click(".sides summary >> nth=0")
        check(page, "offers", size, language)
        assert len(page.content().encode()) < MOST_BYTES
        assert page.locator(".sides .card").count() == 5
        if size == "desktop":
            tops = page.eval_on_selector_all(
                ".sides .card",
                "cards => new Set(cards.slice(0, 3).map(one => one.getBoundingClientRect().top)).size",
            )
            assert tops == 1
        page.click("form:has(input[value=plan]) button")
        page.wait_for_selector(".done")
        check(page, "agreed", size, language)
    rows = portal.rows("SELECT count(*) FROM installment WHERE loan_id = %s", loan_of(borrower))
    assert rows == [(18,)]


def check(page: Page, name: str, size: str, language: str) -> None:
    """A page as it stands is accessible and fits every window; it is drawn where somebody wants a picture."""
    assert_accessible(page, name)
    assert_reflows(page, name)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    look(page, f"{name}-{size}-{language}")
