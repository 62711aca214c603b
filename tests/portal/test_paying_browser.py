"""Paying in a real browser, without JavaScript: by the practice bank, and by a gateway on another origin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette

from duecourse.gateways.far_end import FarEnd
from duecourse.gateways.generic.far_end import GenericFarEnd
from duecourse.gateways.registry import build
from duecourse.gateways.till import Till
from duecourse.portal.notified import notify_routes
from duecourse.portal.paying import pay_pages
from duecourse.responses.sandbox_bank import bank_tells
from duecourse.store.migrate import put_setting
from duecourse.web.site import Site
from gateways.served import serving
from lender import borrower_id_of
from sent_links import PHONE
from visiting import ANSWER, ID_NUMBER, Portal, served

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
PAID = "SELECT p.amount_minor, p.source FROM payment p JOIN loan l USING (lane, loan_id) WHERE l.borrower_id = %s"


class PayingPortal(Portal):
    """Pages with those to pay, and where gateways call."""

    far_end: FarEnd

    def application(self, public_url: str = "") -> Starlette:
        practice, bank = build("sandbox", "practice", {}), build("generic", "bank", self.far_end.settings())
        with self.pool.connection() as conn:
            put_setting(conn, "lender_zone", "Asia/Shanghai")
        till = Till({"practice": practice, "bank": bank}, public_url)

        def tells(order_no: str, wall: datetime) -> object:
            with self.pool.connection() as conn:
                return bank_tells(conn, order_no, wall)

        practice.ledger = tells  # type: ignore[attr-defined]
        self.more = pay_pages(till)
        made = super().application(public_url)
        site = Site(self.pool, self.lender.keyring, lambda _conn: self.now, public_url)
        made.router.routes.extend(notify_routes(site, till))
        return made


@pytest.fixture(scope="module")
def paying(portal: Portal) -> Iterator[PayingPortal]:
    with serving(GenericFarEnd(partial(datetime.now, UTC))) as far_end:
        made = PayingPortal(portal.lender, portal.pool)
        made.far_end = far_end
        yield made


@pytest.fixture(scope="module")
def address(paying: PayingPortal) -> Iterator[str]:
    with served(paying) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        if os.environ.get("DUECOURSE_TEST_ALL") == "1":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants one."""
    if folder := os.environ.get("DUECOURSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"pay-{name}.png", full_page=True)


def assert_accessible(page: Page) -> None:
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("through", ["practice", "bank"])
def test_a_phone_pays_without_javascript(
    browser: Browser, paying: PayingPortal, address: str, through: str
) -> None:
    borrower = f"B-{through}"
    paying.lender.book(
        f"loan due_on amount\nHT-{through}-1 2026-03-10 1234.56 CNY\nHT-{through}-2 2026-03-09 100.00 CNY",
        borrower=borrower, id_number=ID_NUMBER,
    )  # fmt: skip
    with browser.new_context(
        viewport={"width": 360, "height": 740}, user_agent=PHONE, java_script_enabled=False
    ) as opened:
        opened.set_default_timeout(30_000)
        page = opened.new_page()
        page.goto(address + paying.link(borrower))
        page.fill("#answer", ANSWER)
        page.click("main button")
        page.wait_for_url("**/me")
        look(page, f"{through}-bill")
        page.click("a[href='/me/pay']")
        page.check(f"input[name=gateway][value={through}]")
        look(page, f"{through}-choose")
        page.click("main form button.main")
        button = "button[value=pay]"
        page.wait_for_selector(button)
        if through == "bank":
            assert page.url.startswith(paying.far_end.url), "the payer is at the gateway, on another origin"
        look(page, f"{through}-bank")
        page.click(button)
        page.wait_for_url("**/me/pay/*")
        look(page, f"{through}-receipt")
        assert "your payment has arrived" in page.inner_text("h1")
        card = page.locator("section.card").bounding_box()
        for part in page.locator("section.card dd, section.card p").all():
            assert (
                (box := part.bounding_box()) and card and box["x"] + box["width"] <= card["x"] + card["width"]
            )
        assert "100.00" in page.inner_text("main")
    source = f"gateway {through}"
    assert paying.rows(PAID, borrower_id_of(borrower)) == [(100_00, source)]


def test_the_pages_to_pay_are_accessible(browser: Browser, paying: PayingPortal, address: str) -> None:
    paying.lender.book(
        "loan due_on amount\nHT-axe-1 2026-03-10 1234.56 CNY\nHT-axe-2 2026-03-10 100.00 CNY",
        borrower="B-axe", id_number=ID_NUMBER,
    )  # fmt: skip
    with browser.new_context(viewport={"width": 360, "height": 740}, user_agent=PHONE) as opened:
        opened.set_default_timeout(30_000)
        page = opened.new_page()
        page.goto(address + paying.link("B-axe"))
        page.fill("#answer", ANSWER)
        page.click("main button")
        page.wait_for_url("**/me")
        page.click("summary")
        page.click("button[name=language][value=zh-CN]")
        page.goto(f"{address}/me/pay")
        assert_accessible(page)
        look(page, "choose-zh")
        page.check("input[name=gateway][value=practice]")
        page.click("main form button.main")
        page.wait_for_selector("button[value=refuse]")
        assert_accessible(page)
        look(page, "bank-zh")
        page.click("button[value=refuse]")
        page.wait_for_url("**/me/pay/*")
        assert_accessible(page)
        look(page, "waiting-zh")
