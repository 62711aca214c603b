"""Whom a soak writes to: a borrower for each message, over WeChat first where they have it, then SMS, then e-mail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

import psycopg
from bench.book import LONG_AGO, Shape, make_book, ordinary_number, tidy
from bench.house import House
from bench.live import noon_zone, today

from duecourse.book.identity import address_index
from duecourse.channels.wechat.far_end import APP_ID
from duecourse.dispatch.registry import import_entries
from duecourse.domain.messaging import Channel
from duecourse.planning.compile import Plannable
from duecourse.planning.plan import plan_book
from duecourse.policy.load import load_policy
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_many
from duecourse.store.migrate import put_setting

from .far_ends import WECHAT

NEXT_SECONDS: Final = 60
"""What was not delivered by then goes on to the next channel."""
ROUTE: Final = ("wechat", "sms", "email")
WECHAT_EVERY, EMAIL_EVERY = 3, 2
SPECIAL_EVERY: Final = 25
RIVAL_EVERY: Final = 10
NUMBERS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""Endings that the sandbox treats as undeliverable, refused, throttled, silent, late, STOP, unanswered, broken, and
delivered without an answer."""
MAILBOXES: Final = ("bounce-", "refuse-", "busy-", "silent-", "slow-", "hang-", "broken-", "full-")
UNANSWERED: Final = ("0007", "0009", "hang-")
"""Those of them whose hand-over is unknown without anything being killed."""

_POLICY: Final = """
policy: soak
languages: [en]
creditors:
  "*": {{name: Test Bank, contact_phone: "400"}}
steps:
  - id: due-today
    when: due between 09:00 and 18:00
    purpose: reminder
    route: [{route}]
    {next_if}
    template: due-soon
"""
_NEXT_IF: Final = f"next_if: {{not: delivered, within: {NEXT_SECONDS // 60}m}}"
_TEXT: Final = (
    "{{ creditor }}: {{ total | money }} is due on {{ due_on | date }}. Questions: {{ contact_phone }}."
)
_TEMPLATE: Final = TemplateText(
    "due-soon",
    "en",
    {
        "sms": _TEXT,
        "email": _TEXT,
        "subject": "A date to note",
        "wechat.thing1": "{{ creditor }}",
        "wechat.amount2": "{{ total | money }}",
        "wechat.date3": '{{ due_on | date: "iso" }}',
    },
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be sent, and to how many people. over: the while in which it falls due. useful: of each from its own
    instant. plain: nobody has an address that misbehaves or a rival message, all can be reached by e-mail, and the
    route moves on only where a channel failed.
    """

    offered: int
    over: timedelta
    useful: timedelta
    seed: int
    plain: bool


def fill(house: House, wishes: Wishes, channels: Collection[str]) -> str:
    """Make a database with the book, its policy in force and every message planned, none due yet; returns its name.

    channels: that there is a far end for; the route has them in its own order.
    """
    zone, name = noon_zone(), house.copy()
    with house.open(name) as store, store.connect(idle_in_transaction_seconds=0) as conn:
        put_setting(conn, "lender_zone", zone)
        shape = Shape(wishes.offered, today(zone), 1, 1, 1, shared=2**31 - 1)
        make_book(conn, shape, seed=wishes.seed, zone=zone)
        if not wishes.plain:
            _give_rivals(conn)
        _give_names(conn, house.keyring)
        _give_addresses(conn, house.keyring, plain=wishes.plain)
        plannables = _put_in_force(conn, house.folder, channels, "" if wishes.plain else _NEXT_IF, zone)
        plan_book(conn, plannables, as_of=today(zone), now=datetime.now(UTC))
        conn.execute(
            "UPDATE message SET not_before = now() + interval '1 day', useful_until = now() + interval '2 days'"
        )
        conn.commit()
        with store.connect(autocommit=True) as tidying:
            tidy(tidying)
    return name


def addresses(place: int, *, plain: bool) -> dict[Channel, str]:
    """Those of one borrower. One in SPECIAL_EVERY misbehaves on a channel, each in its turn."""
    number = ordinary_number(place)
    kind = None if plain or place % SPECIAL_EVERY else place // SPECIAL_EVERY
    if kind is not None:
        number = f"+86137{kind // len(NUMBERS):04d}{NUMBERS[kind % len(NUMBERS)]}"
    given = {Channel.SMS: number}
    if place % WECHAT_EVERY == 0:
        ending = number[-4:] if kind is not None and kind % 2 else f"{1000 + place % 9000:04d}"
        given[Channel.WECHAT] = f"oSoakSoakSoak_{place:010d}{ending}"
    if plain or place % EMAIL_EVERY == 0:
        local = MAILBOXES[kind // 2 % len(MAILBOXES)] if kind is not None and kind % 2 == 0 else "person-"
        given[Channel.EMAIL] = f"{local}{place}@borrower.example"
    return given


def unanswered(offered: int, *, plain: bool) -> int:
    """How many addresses never have their hand-over answered."""
    return sum(
        address[-4:] in UNANSWERED or address.startswith(UNANSWERED)
        for place in range(offered)
        for address in addresses(place, plain=plain).values()
    )


def _give_rivals(conn: psycopg.Connection) -> None:
    """One in RIVAL_EVERY owes another creditor on the same day: a message of its own, which the day's cap refuses."""
    conn.execute(
        """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
               effective_at, recorded_at)
           SELECT lane, md5(concat('rival', loan_id))::uuid, borrower_id, concat('R-', loan_ref), 'shop', product,
                  method, currency, '', effective_at, recorded_at
           FROM loan WHERE abs(hashtext(loan_id::text)) %% %s = 0""",
        (RIVAL_EVERY,),
    )
    conn.execute(
        """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, effective_at, recorded_at)
           SELECT r.lane, r.loan_id, i.number, i.borrower_id, i.due_on, i.due_minor, i.effective_at, i.recorded_at
           FROM loan r JOIN installment i ON i.lane = r.lane AND i.borrower_id = r.borrower_id
           WHERE r.creditor = 'shop'"""
    )
    conn.commit()


def _give_names(conn: psycopg.Connection, keyring: Keyring) -> None:
    people = [row[0] for row in conn.execute("SELECT borrower_id FROM borrower ORDER BY borrower_id")]
    names = seal_many(keyring, ["Test Person"] * len(people), "borrower", "name", people)
    conn.execute(
        """UPDATE borrower b SET name_sealed = s.sealed
           FROM unnest(%s::uuid[], %s::bytea[]) AS s (id, sealed) WHERE b.borrower_id = s.id""",
        (people, names),
    )
    conn.commit()


def _give_addresses(conn: psycopg.Connection, keyring: Keyring, *, plain: bool) -> None:
    """Each borrower's own in place of the number that the bench's book gave them."""
    people: Sequence[tuple[int, UUID]] = conn.execute(
        "SELECT lane, borrower_id FROM borrower ORDER BY borrower_id"
    ).fetchall()
    rows = [
        (lane, borrower, uuid5(borrower, channel), channel, address)
        for place, (lane, borrower) in enumerate(people)
        for channel, address in addresses(place, plain=plain).items()
    ]
    lanes, borrowers, points, channels, given = map(list, zip(*rows, strict=True))
    conn.execute("DELETE FROM contact_point")
    conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
               platform, effective_at, recorded_at)
           SELECT lane, borrower_id, point, channel, sealed, index, CASE channel WHEN 'wechat' THEN %s END, %s, %s
           FROM unnest(%s::smallint[], %s::uuid[], %s::uuid[], %s::text[], %s::bytea[], %s::bytea[])
                AS s (lane, borrower_id, point, channel, sealed, index)""",
        (
            APP_ID,
            LONG_AGO,
            LONG_AGO,
            lanes,
            borrowers,
            points,
            [str(channel) for channel in channels],
            seal_many(keyring, given, "contact_point", "address", points),
            [address_index(keyring, channel, one) for channel, one in zip(channels, given, strict=True)],
        ),
    )
    conn.commit()


def _put_in_force(
    conn: psycopg.Connection, folder: Path, channels: Collection[str], next_if: str, zone: str
) -> list[Plannable]:
    path = folder / "policy.yaml"
    route = ", ".join(channel for channel in ROUTE if channel in channels)
    path.write_text(_POLICY.format(route=route, next_if=next_if), encoding="utf-8")
    policy = load_policy(path)
    done = publish(conn, policy, Templates([_TEMPLATE]), "", now=LONG_AGO, user="soak")
    conn.commit()
    listed = [f"{WECHAT},template,{name},{version},TM-{name},approved,soak" for name, version in
              sorted(done.template_versions.items())]  # fmt: skip
    import_entries(
        conn,
        ["provider,kind,subject,version,code,state,evidence\n", *(f"{line}\n" for line in listed)],
        name="approved.csv",
        providers=None,
        zone=zone,
        by="soak",
        now=LONG_AGO,
    )
    return [Plannable(policy, 1, dict(done.template_versions))]
