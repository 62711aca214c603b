"""A cap per number holds for whoever has the number, in any lane, under any concurrency."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from counter import Scripted
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.lines import Registration
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.domain.messaging import Channel, NotWritten, Outcome, Unknown
from duecourse.rules.compiling import RuleBook, shipped
from duecourse.rules.model import AppliesTo, Cap, Level, Names, Pack, Rule, Source
from duecourse.rules.packs import Packs, shipped_packs
from duecourse.store.lease import acquire
from lender import Lender, lane_of
from post import Post

NINE = datetime.fromisoformat("2026-03-09T09:00+08:00")
ONE_NUMBER = "+8613900001111"
PEOPLE = 24
MOST = 3


def capped(cap: Cap | None = None, kind: str | None = None, channel: Channel = Channel.SMS) -> RuleBook:
    """The shipped packs, and a cap: at most three messages a day to one number. kind: the provider it binds."""
    names = Names(en="at most three a day to a number", zh="每日每号码最多三条")
    rule = Rule(
        id="TEST-NUMBER",
        says=names,
        applies_to=AppliesTo(channel=(channel,), provider=(kind,) if kind else ()),
        does=cap or Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="number"),
        source=Source(instrument="test", read_on=date(2026, 3, 9)),
        level=Level.POLICY,
    )
    pack = Pack(pack="test", version=1, names=names, regions=("*",), rules=(rule,))
    return RuleBook(Packs((*shipped_packs(), pack)))


PER_TEMPLATE = Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="template")
SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


class Worker:
    """A desk of its own on lanes of its own, as another process would have."""

    def __init__(
        self,
        post: Post,
        rules: RuleBook,
        epochs: dict[int, int],
        answers: Sequence[Outcome | Exception],
        kind: str | None,
    ) -> None:
        self.conn = post.store.connect().__enter__()
        switchboard = Switchboard(self.conn, post.keyring, desks=1)
        switchboard.now = NINE
        self.end = Scripted(Channel.SMS, answers)
        switchboard.adapters["sms"] = self.end  # type: ignore[assignment]
        switchboard.registrations["sms"] = Registration(kind=kind)
        self.desk = Desk(
            self.conn,
            post.keyring,
            post.composer(),
            switchboard,
            lender_zone="Asia/Shanghai",
            pace=Pace(),
            tally=Tally(),
            rules=rules,
        )
        self.desk.epochs = epochs

    def work(self, minutes: int) -> None:
        """Turns while the clock goes on a little."""
        for minute in range(minutes):
            now = NINE + timedelta(minutes=minute)
            while asyncio.run(self.desk.take_turn(now, 4)):
                pass


@pytest.fixture
def family(lender: Lender) -> Lender:
    """People in lanes of their own who share one number, each with an installment due tomorrow."""
    rows = "\n".join(f"L-{n} P-{n} 2026-03-10 {ONE_NUMBER}" for n in range(PEOPLE))
    lender.book(f"loan borrower due_on phone\n{rows}", email="-")
    lender.policy(SMS)
    lender.plan("2026-03-09T00:00+08:00")
    assert len({lane_of(f"P-{n}") for n in range(PEOPLE)}) > 10
    return lender


def taken(conn: psycopg.Connection) -> int:
    """Attempts to the number that count."""
    row = conn.execute(
        "SELECT coalesce(sum(weight), 0) FROM contact WHERE address_index = %s", (ONE_NUMBER.encode(),)
    ).fetchone()
    conn.commit()
    assert row is not None
    return int(row[0])


def workers(
    post: Post,
    count: int,
    answers: Sequence[Outcome | Exception] = (),
    rules: RuleBook | None = None,
    kind: str | None = None,
) -> list[Worker]:
    """So many, the lanes divided among them. kind: of their provider."""
    rules = rules or capped()
    with post.store.connect(autocommit=True) as leases:
        epochs = acquire(leases, "family", 600)
    return [
        Worker(
            post,
            rules,
            {lane: epoch for lane, epoch in epochs.items() if lane % count == place},
            answers,
            kind,
        )
        for place in range(count)
    ]


def at_once(many: list[Worker], minutes: int = 1) -> None:
    """All work at the same time."""
    threads = [threading.Thread(target=worker.work, args=(minutes,)) for worker in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_concurrent_workers_never_exceed_the_cap_of_a_number_that_people_in_many_lanes_share(
    family: Lender, post: Post
) -> None:
    many = workers(post, 4)
    at_once(many)
    assert sum(len(worker.end.taken) for worker in many) == MOST
    assert taken(family.conn) == MOST
    waiting = family.messages("rule", "local_time", where="state = 'planned'")
    assert waiting == [("TEST-NUMBER", "2026-03-10 08:00")] * (PEOPLE - MOST)


def test_what_was_not_handed_over_gives_its_place_back_and_a_crash_keeps_it(
    family: Lender, post: Post
) -> None:
    many = workers(post, 3, [NotWritten("not bound"), Unknown("the line died")])
    at_once(many, minutes=3)
    # Released attempts count for nothing; what may have gone counts.
    assert taken(family.conn) == MOST
    states = family.conn.execute("SELECT state, count(*) FROM attempt GROUP BY 1").fetchall()
    counted = {state: count for state, count in states if state != "released"}
    assert sum(counted.values()) == MOST


def test_the_verdict_says_what_the_cap_saw(family: Lender, post: Post, tmp_path: Path) -> None:
    (one,) = workers(post, 1)
    one.work(1)
    rows = family.conn.execute("SELECT verdict FROM message WHERE rule = 'TEST-NUMBER'").fetchall()
    family.conn.commit()
    assert len(rows) == PEOPLE - MOST
    saw = rows[0][0]["rules"][0]["saw"]
    assert (saw["most"], saw["per"]) == (MOST, "number")


def test_a_cap_per_template_holds_for_a_number_in_all_lanes_under_concurrent_workers(
    family: Lender, post: Post
) -> None:
    at_once(workers(post, 4, rules=capped(PER_TEMPLATE, "aliyun"), kind="aliyun"))
    assert taken(family.conn) == MOST
    waiting = family.messages("rule", "local_time", where="state = 'planned'")
    assert waiting == [("TEST-NUMBER", "2026-03-10 08:00")] * (PEOPLE - MOST)


def test_another_template_to_the_number_and_the_template_to_another_number_are_counted_apart(
    lender: Lender, post: Post
) -> None:
    rows = [f"L-{n} P-{n} 2026-03-10 {ONE_NUMBER if n % 2 else '+8613900002222'}" for n in range(PEOPLE)]
    rows += [f"M-{n} Q-{n} 2026-03-09 {ONE_NUMBER}" for n in range(PEOPLE // 2)]
    lender.book("\n".join(["loan borrower due_on phone", *rows]), email="-")
    lender.policy(
        SMS + SMS.replace("due-in-1", "today").replace("due - 1d", "due").replace("due-soon", "due-today")
    )
    lender.plan("2026-03-09T00:00+08:00")
    at_once(workers(post, 4, rules=capped(PER_TEMPLATE, "aliyun"), kind="aliyun"))
    counted = lender.conn.execute(
        "SELECT address_index, template, sum(weight) FROM contact GROUP BY 1, 2"
    ).fetchall()
    lender.conn.commit()
    assert sorted((bytes(index).decode(), template, int(count)) for index, template, count in counted) == [
        (ONE_NUMBER, "due-soon", MOST),
        (ONE_NUMBER, "due-today", MOST),
        ("+8613900002222", "due-soon", MOST),
    ]


def test_a_rate_in_seconds_lets_the_next_of_another_person_go_when_its_time_is_up(
    family: Lender, post: Post
) -> None:
    """The shipped TX-RATE: one in thirty seconds."""
    many = workers(post, 4, rules=shipped(), kind="tencent")
    at_once(many)
    assert taken(family.conn) == 1
    due = family.messages("rule", "not_before - planned_for", where="state = 'planned'")
    assert due == [("TX-RATE", timedelta(seconds=30))] * (PEOPLE - 1)
    at_once(many, minutes=3)  # the same minute again, and two more
    assert taken(family.conn) == 3


def test_a_cap_per_number_that_one_provider_has_is_shared_by_all_lanes(family: Lender, post: Post) -> None:
    per_number = Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="number")
    rules = capped(per_number, "aliyun")
    at_once(workers(post, 4, rules=rules, kind="aliyun"))
    assert taken(family.conn) == MOST


@pytest.mark.parametrize(
    "cap", [PER_TEMPLATE, Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="number")]
)
def test_a_cap_of_a_provider_leaves_others_alone(family: Lender, post: Post, cap: Cap) -> None:
    at_once(workers(post, 2, rules=capped(cap, "aliyun"), kind="smpp"))
    assert taken(family.conn) == PEOPLE
