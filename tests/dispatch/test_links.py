"""A code is written down before it is said, is one attempt's alone, and is the same when a book is replayed again."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from duecourse.content.render import Renderer
from duecourse.dispatch.compose import Composer, Facts, Rendition
from duecourse.dispatch.links import CODES, CodeShape, LinkTerms, Wanted, code_hash, code_of, mint_links
from duecourse.dispatch.receipts import sweep_receipts
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.responses.links import Link, open_link
from duecourse.store.connect import Store
from duecourse.store.lease import acquire, release
from duecourse.store.lifeline import DatabaseLostError
from lender import Lender, borrower_id_of, lane_of
from post import Post
from sent_links import PHONE

PUBLIC = "https://notices.bank.example"
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    template: due-soon
"""
NINE, TEN, NOON = ("2026-03-09T09:00+08:00", "2026-03-09T10:00+08:00", "2026-03-09T12:00+08:00")
AT = datetime.fromisoformat(NINE)


class Linking(Post):
    """Texts with the link of their attempt."""

    sms = "Test Bank: {{ total | money }} is due on {{ due_on | date }}. {{ link }}"
    email = "Dear {{ name }},\n\n{{ total | money }} is due. See {{ link }}, or ask us whether {{ code }} is ours."
    terms = LinkTerms(PUBLIC, 30)

    def composer(self) -> Composer:
        """With an address of ours."""

        def read_templates(ref: TemplateRef) -> dict[TemplateRef, list[TemplateText]]:
            parts = {"sms": self.sms, "email": self.email, "subject": "A date"}
            return {ref: [TemplateText(ref.template, "en", parts)]}

        return Composer(
            Renderer(),
            lambda name, _: {p.name: p for p in self.lender.policies}[name],
            read_templates,
            self.terms,
        )

    def said(self) -> list[tuple[UUID, dict[str, Any]]]:
        """(attempt id, what it said) of every attempt, in order."""
        rows = self.lender.conn.execute(
            "SELECT attempt_id, text_sealed FROM attempt ORDER BY claimed_at, attempt_id"
        )
        return [
            (row[0], json.loads(open_value(self.keyring, row[1], "attempt", "text", row[0]))) for row in rows
        ]

    def links(self) -> list[tuple[Any, ...]]:
        """(code's hash, attempt, owner, until) of every link."""
        rows = self.lender.conn.execute(
            "SELECT code_hash, attempt_id, owner_id, expires_at FROM link ORDER BY issued_at, attempt_id"
        ).fetchall()
        self.lender.conn.commit()
        return [(bytes(row[0]), *row[1:]) for row in rows]


@pytest.fixture
def linking(post: Post) -> Linking:
    post.lender.policy(STEP)
    return Linking(post.store, post.keyring, post.lender, post.far_ends)


def codes_in(said: Sequence[tuple[UUID, dict[str, Any]]]) -> list[str]:
    return [re.findall(rf"{PUBLIC}/l/(\w+)", text["text"])[0] for _, text in said]


def test_each_attempt_says_a_code_of_its_own_which_opens_the_borrower_s_link(
    lender: Lender, linking: Linking
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10\nL-2 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    said = linking.said()
    codes = codes_in(said)
    assert len(set(codes)) == 2 and all(CODES.fits(code) for code in codes)
    assert {(hashed, attempt) for hashed, attempt, *_ in linking.links()} == {
        (code_hash(lender.keyring, code), attempt) for code, (attempt, _) in zip(codes, said, strict=True)
    }
    link = open_link(
        lender.conn,
        lender.keyring,
        codes[0],
        peer="::1",
        user_agent=PHONE,
        method="GET",
        now=AT + timedelta(days=1),
    )
    assert isinstance(link, Link) and link.expires_at == AT + timedelta(days=30)
    owners = {borrower_id_of("B-L-1"), borrower_id_of("B-L-2")}
    assert link.borrower_id in owners and {owner for _, _, owner, _ in linking.links()} == owners


def test_on_its_next_channel_a_message_carries_another_code_and_both_hold(
    lender: Lender, linking: Linking
) -> None:
    lender.book("loan due_on phone\nL-1 2026-03-10 +86139" + "0000" + linking.serial())
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE, settle_seconds=0)
    lender.conn.execute("UPDATE attempt SET state = 'sent'")
    lender.conn.execute(
        "UPDATE message SET state = 'in_flight', outcome = NULL, next_at = %s", (AT + timedelta(hours=2),)
    )
    lender.conn.execute("DELETE FROM receipt")
    lender.conn.commit()
    linking.work(NOON)
    sms, email = linking.said()
    first, second = codes_in([sms, email])
    assert first != second and f"whether {second} is ours" in email[1]["text"] and second in email[1]["html"]
    for code in (first, second):
        found = open_link(
            lender.conn, lender.keyring, code, peer="::1", user_agent=PHONE, method="POST", now=AT
        )
        assert isinstance(found, Link) and found.borrower_id == borrower_id_of("B-L-1")


def test_a_click_of_a_person_is_the_word_that_the_attempt_was_read(lender: Lender, linking: Linking) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    (code,) = codes_in(linking.said())
    at = datetime.fromisoformat(TEN)
    with linking.store.connect() as conn:
        open_link(conn, lender.keyring, code, peer="::1", user_agent=PHONE, method="HEAD", now=at)
    linking.work(TEN)
    assert [state for _, state, _ in linking.attempts()] != ["read"]
    with linking.store.connect() as conn:
        open_link(conn, lender.keyring, code, peer="::1", user_agent=PHONE, method="GET", now=at)
    linking.work(TEN)
    with linking.store.connect() as conn:
        desk_sees_it(linking, conn, at)
    assert linking.attempts() == [("sms", "read", "link")]


def desk_sees_it(linking: Linking, conn: psycopg.Connection, at: datetime) -> None:
    """What a worker does every minute: apply receipts that others appended."""
    with linking.store.connect(autocommit=True) as leases:
        epochs = acquire(leases, "sweeper", 60)
        sweep_receipts(conn, epochs, now=at, lately=timedelta(days=3650))
        conn.commit()
        release(leases, "sweeper")


def test_what_does_not_go_leaves_no_link(lender: Lender, linking: Linking) -> None:
    linking.sms = "Test Bank: {{ link }} 【】"  # refused as content
    lender.book("loan due_on email\nL-1 2026-03-10 -")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    assert linking.said() == [] and linking.links() == []
    assert [rule for *_, rule in linking.outcomes()] == ["CONTENT"]


def test_a_text_without_a_code_has_no_link_and_one_that_needs_an_address_waits_for_it(
    lender: Lender, linking: Linking
) -> None:
    linking.sms = "Test Bank: {{ total | money }}."
    lender.book("loan due_on email\nL-1 2026-03-10 -")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    assert len(linking.said()) == 1 and linking.links() == []
    linking.sms, linking.terms = "Test Bank: {{ link }}", LinkTerms()
    lender.book("loan due_on email\nL-2 2026-03-10 -")
    lender.plan("2026-03-09T09:00+08:00")
    linking.work(TEN)
    assert len(linking.said()) == 1 and linking.links() == []
    refused = lender.messages("reason", where="state = 'planned'")
    assert len(refused) == 1 and "'link' is undefined" in refused[0][0]


def test_a_code_without_an_address_is_said_all_the_same(lender: Lender, linking: Linking) -> None:
    linking.sms, linking.terms = "Test Bank, code {{ code }}", LinkTerms()
    lender.book("loan due_on email\nL-1 2026-03-10 -")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    (said,) = linking.said()
    assert code_hash(lender.keyring, said[1]["text"].rpartition(" ")[2]) == linking.links()[0][0]


def test_the_policy_s_own_term_goes_before_the_setting_s(lender: Lender, linking: Linking) -> None:
    lender.policy(STEP, "policy: test\nlanguages: [en]\nlink_days: 7\ncreditors: {'*': {name: Bank}}\n")
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    linking.work(NINE)
    assert [until for *_, until in linking.links()] == [AT + timedelta(days=7)]


class Dying(Composer):
    """Ends the worker's connection once, after the codes were minted and before anything is written of the attempt."""

    def __init__(self, of: Composer, conn: psycopg.Connection, killer: psycopg.Connection) -> None:
        self._of, self._conn, self._killer = of, conn, killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    def link_days(self, facts: Facts, channel: str) -> int | None:
        """As the composer it stands before."""
        return self._of.link_days(facts, channel)

    def over_band(self, facts: Facts, *, resumed: bool) -> Rendition | None:
        """As the composer it stands before."""
        return self._of.over_band(facts, resumed=resumed)

    def compose(self, *arguments: Any, **more: Any) -> Rendition:
        """The server ends the connection."""
        minted = self._conn.execute("SELECT count(*) FROM link").fetchone()
        assert minted is not None and minted[0] > 0
        self._killer.execute("SELECT pg_terminate_backend(%s, 10000)", (self._conn.info.backend_pid,))
        return self._of.compose(*arguments, **more)


def test_a_worker_that_dies_in_the_claim_leaves_no_link_and_the_next_says_the_same_code(
    lender: Lender, linking: Linking
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10\nL-2 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")

    async def die() -> None:
        with linking.store.connect(autocommit=True) as killer:
            conn = linking.store.connect().__enter__()
            desk, switchboard = await linking.open(conn)
            desk.composer = Dying(desk.composer, conn, killer)
            try:
                with pytest.raises(DatabaseLostError):
                    await desk.take_turn(AT, 500)
            finally:
                await switchboard.close()
                release(killer, "test")

    asyncio.run(die())
    assert linking.links() == [] and linking.said() == []
    linking.work(NINE)
    said = linking.said()
    assert codes_in(said) == [code_of(lender.keyring, attempt, 0) for attempt, _ in said]
    assert len(linking.links()) == 2


def wanted(owner: str, count: int) -> list[Wanted]:
    return [
        Wanted(uuid4(), uuid4(), lane_of(owner), borrower_id_of(owner), "sms", uuid4(), "reminder", "en", 90)
        for _ in range(count)
    ]


def test_the_same_attempt_has_the_same_code_under_the_same_keys_alone(keyring: Keyring) -> None:
    attempt = uuid4()
    assert code_of(keyring, attempt, 0) == code_of(keyring, attempt, 0)
    assert len({code_of(keyring, attempt, salt) for salt in range(50)}) == 50
    assert code_of(keyring, attempt, 0) != code_of(Keyring.new(), attempt, 0)


def test_claims_at_once_never_give_two_attempts_one_code(store: Store, keyring: Keyring) -> None:
    shape = CodeShape("abcd", 3)  # 64 codes for 60 attempts: nearly every one collides
    batches = [wanted(f"B-{n}", 15) for n in range(4)]
    minted: dict[UUID, str] = {}
    faults: list[BaseException] = []

    def claim(batch: list[Wanted]) -> None:
        try:
            with store.connect() as conn:
                conn.execute("SET deadlock_timeout = '20ms'")
                conn.commit()
                for _ in range(200):
                    try:
                        found = mint_links(conn, keyring, batch, now=AT, shape=shape)
                        conn.commit()
                    except psycopg.errors.DeadlockDetected:  # as a desk does: again
                        conn.rollback()
                        continue
                    minted.update(found)
                    return
                raise AssertionError("two hundred deadlocks in a row")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=claim, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(minted) == 60 and len(set(minted.values())) == 60
    with store.connect() as conn:
        kept = conn.execute("SELECT code_hash, attempt_id FROM link").fetchall()
    assert {(bytes(hashed), attempt) for hashed, attempt in kept} == {
        (code_hash(keyring, code), attempt) for attempt, code in minted.items()
    }


def test_when_no_code_is_free_the_claim_fails_instead_of_sharing_one(
    database: psycopg.Connection, keyring: Keyring
) -> None:
    shape = CodeShape("ab", 2)
    mint_links(database, keyring, wanted("B-1", 4), now=AT, shape=shape)
    with pytest.raises(RuntimeError, match="no free code"):
        mint_links(database, keyring, wanted("B-2", 1), now=AT, shape=shape)
