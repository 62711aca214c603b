"""WeChat and app push from a claim to what providers say: whose address it is, dead tokens, followers who leave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg
import pytest

from duecourse.channels.http.listener import Listener, callbacks
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.channels.wechat.far_end import APP_ID
from duecourse.cli.providers import sandbox_providers
from duecourse.content.render import Renderer
from duecourse.dispatch.compose import Composer
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.lines import Registration, Routing
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.switchboard import Switchboard
from duecourse.domain.messaging import Receives
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.lease import acquire
from lender import LONG_AGO, Lender
from post import Post

LISTENING = socket.create_server(("127.0.0.1", 0), backlog=64)
KINDS = ("wechat.service", "app.apns", "app.jpush", "sms.smpp")
NINE = "2026-03-09T09:00+08:00"
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: {route}
{next_if}    template: due-soon
"""
APPLE, GOOD, DEAD = "f" * 56, "beefbeef", "beef0001"
OPENID = "oFpruAK8D-E6EfStSYonYSBZ"


class Lines(Post):
    """A desk with WeChat, two push services and SMS, which WeChat's server can call."""

    async def open(self, conn: psycopg.Connection, *kinds: str) -> tuple[Desk, Switchboard]:
        switchboard = Switchboard(self.store.connect(), self.keyring, desks=1)
        receivers = {}
        for provider in sandbox_providers(self.far_ends):
            config = dict(provider.config)
            config.pop("registered", None)
            name, family = provider.name, provider.kind.partition(".")[2]
            serves = {"service": APP_ID, "smpp": None}.get(family, family)
            switchboard.registrations[name] = Registration(None, None, family, serves)
            needs = ("template",) if family == "service" else ()
            switchboard.routings[name] = Routing(needs=needs)
            adapter = build(
                provider.kind,
                name,
                config,
                switchboard.take_receipts,
                switchboard.take_reply,
                lambda: datetime.now(UTC),
            )
            switchboard.adapters[name] = adapter
            if isinstance(adapter, Receives):
                receivers[name] = adapter
        desk = Desk(
            conn,
            self.keyring,
            self.composer(),
            switchboard,
            lender_zone="Asia/Shanghai",
            pace=Pace(),
            tally=self.tally,
        )
        with self.store.connect(autocommit=True) as leases:
            desk.epochs = acquire(leases, "test", 60)
        await switchboard.open()
        self.listener = Listener(callbacks(receivers))
        await self.listener.start(listening=LISTENING.dup())
        return desk, switchboard

    async def _work(self, instants: tuple[str, ...], kinds: tuple[str, ...], settle_seconds: float) -> None:
        try:
            await super()._work(instants, kinds, settle_seconds)
        finally:
            await self.listener.stop()

    def composer(self) -> Composer:
        def read_templates(ref: TemplateRef) -> dict[TemplateRef, list[TemplateText]]:
            parts = {
                "sms": "Test Bank: {{ total | money }} is due on {{ due_on | date }}.",
                "push.title": "Test Bank",
                "push.body": "A message about your payment is waiting.",
                "wechat.thing1": "due {{ due_on | date }}",
            }
            return {ref: [TemplateText(ref.template, "en", parts)]}

        return Composer(
            Renderer(), lambda name, _: {p.name: p for p in self.lender.policies}[name], read_templates
        )


@pytest.fixture(scope="module")
def far_ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    url = f"http://127.0.0.1:{LISTENING.getsockname()[1]}/callbacks"
    with SandboxProcess(
        tmp_path_factory.mktemp("sandbox"),
        rules=SandboxRules(),
        ports=dict.fromkeys(KINDS, 0),
        callbacks_url=url,
    ) as running:
        yield running


@pytest.fixture
def post(store: Store, keyring: Keyring, lender: Lender, far_ends: SandboxProcess) -> Lines:
    return Lines(store, keyring, lender, far_ends)


def reached(lender: Lender, borrower: str, channel: str, address: str, platform: str) -> None:
    """A borrower has this address at this platform."""
    point = lender.contact_point(borrower, channel, address)
    lender.conn.execute(
        "UPDATE contact_point SET platform = %s WHERE contact_point_id = %s", (platform, point)
    )
    lender.conn.commit()


def planned(lender: Lender, route: str) -> None:
    next_if = "    next_if: {not: sent, within: 2h}\n" if "," in route else ""
    lender.policy(STEP.format(route=route, next_if=next_if))
    lender.plan("2026-03-09T00:00+08:00")


def approved(lender: Lender) -> None:
    """WeChat has approved the template of every message."""
    lender.conn.execute(
        """INSERT INTO registration (provider, kind, subject, version, language, code, state, evidence, recorded_by,
               changed_at, change)
           SELECT DISTINCT %s, 'template', template, template_version, '', 'repayment', 'approved', 'test', 'test',
               %s::timestamptz, 1 FROM message""",
        (provider_name("wechat.service"), LONG_AGO),
    )
    lender.conn.commit()


def tried(lender: Lender) -> list[tuple[Any, ...]]:
    rows = lender.conn.execute(
        """SELECT b.borrower_key, a.provider, a.state, coalesce(a.cause, '')
           FROM attempt a JOIN borrower b USING (lane, borrower_id) ORDER BY 1, a.seq"""
    ).fetchall()
    lender.conn.commit()
    return [(key, provider.removeprefix("sandbox-"), state, cause) for key, provider, state, cause in rows]


def test_push_goes_by_the_service_whose_token_it_is(lender: Lender, post: Lines) -> None:
    lender.book(
        "loan borrower due_on\nL-1 A 2026-03-10\nL-2 B 2026-03-10\nL-3 C 2026-03-10", phone="-", email="-"
    )
    for borrower, token, platform in (
        ("A", APPLE + GOOD, "apns"),
        ("B", "1507bfd3a7beef", "jpush"),
        ("C", "x" * 30, "hms"),
    ):
        reached(lender, borrower, "app", token, platform)
    planned(lender, "[app]")
    post.work(NINE)
    assert tried(lender) == [("A", "app-apns", "sent", ""), ("B", "app-jpush", "delivered", "")]
    (waiting,) = [row for row in post.outcomes() if row[0] == "L-3"]
    assert waiting[1] == "planned"


def test_token_that_its_service_calls_dead_retires_and_the_route_goes_on(lender: Lender, post: Lines) -> None:
    lender.book("loan borrower due_on phone\nL-1 A 2026-03-10 +8613900001111", email="-")
    reached(lender, "A", "app", APPLE + DEAD, "apns")
    planned(lender, "[app, sms]")
    post.work(NINE)
    assert tried(lender) == [("A", "app-apns", "refused", "dead"), ("A", "sms-smpp", "delivered", "")]
    points = lender.conn.execute("SELECT channel, state FROM contact_point ORDER BY channel").fetchall()
    assert points == [("app", "retired"), ("sms", "active")]


def test_wechat_message_goes_as_its_registered_template_and_its_delivery_comes_back(
    lender: Lender, post: Lines
) -> None:
    lender.book("loan borrower due_on\nL-1 A 2026-03-10", phone="-", email="-")
    reached(lender, "A", "wechat", OPENID + "_dDQ", APP_ID)
    planned(lender, "[wechat]")
    approved(lender)
    post.work(NINE)
    assert tried(lender) == [("A", "wechat-service", "delivered", "")]


def test_openid_of_another_account_is_not_written_to(lender: Lender, post: Lines) -> None:
    lender.book("loan borrower due_on\nL-1 A 2026-03-10", phone="-", email="-")
    reached(lender, "A", "wechat", OPENID + "_dDQ", "wx0000000000000000")
    planned(lender, "[wechat]")
    approved(lender)
    post.work(NINE)
    assert tried(lender) == []


def test_follower_who_blocks_the_account_is_reached_by_sms_and_not_written_to_again(
    lender: Lender, post: Lines
) -> None:
    lender.book("loan borrower due_on phone\nL-1 A 2026-03-10 +8613900001111", email="-")
    reached(lender, "A", "wechat", OPENID + "0001", APP_ID)
    lender.reindex_contact_points()
    planned(lender, "[wechat, sms]")
    approved(lender)
    post.work(NINE)
    assert tried(lender) == [
        ("A", "wechat-service", "refused", "opted-out"),
        ("A", "sms-smpp", "delivered", ""),
    ]
    stops = lender.conn.execute("SELECT channel, granted FROM consent").fetchall()
    assert stops == [("wechat", False)]
    assert lender.conn.execute("SELECT state FROM contact_point WHERE channel = 'wechat'").fetchall() == [
        ("active",)
    ]


def test_person_who_unfollows_has_stopped_the_channel(lender: Lender, post: Lines) -> None:
    lender.book("loan borrower due_on\nL-1 A 2026-03-10", phone="-", email="-")
    reached(lender, "A", "wechat", OPENID + "_dDQ", APP_ID)
    lender.reindex_contact_points()

    async def unfollow() -> None:
        with post.store.connect() as conn:
            _, switchboard = await post.open(conn)
            url = post.far_ends.settings("wechat.service")["url"]
            async with httpx2.AsyncClient() as client:
                await client.post(
                    f"{url}/sandbox/person", json={"openid": OPENID + "_dDQ", "does": "unfollow"}
                )
            await switchboard.drain()
            await switchboard.close()
            await post.listener.stop()

    asyncio.run(unfollow())
    assert lender.conn.execute("SELECT channel, granted FROM consent").fetchall() == [("wechat", False)]
