"""A word to stop is confirmed once, where it was said, and by nothing that the word itself silences."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from counter import Counter
from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.holds import HoldKind, add_hold
from duecourse.book.identity import address_index
from duecourse.book.wishes import Person, Said
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Reply, ReplyKind
from duecourse.planning.confirming import Confirmer
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.rules.compiling import shipped
from duecourse.rules.confirming import confirmation_window
from duecourse.rules.model import Actor
from duecourse.rules.packs import Packs, load_packs
from duecourse.store.migrate import put_setting
from lender import POLICY_HEAD, Lender, borrower_id_of, lane_of
from post import TEXTS, Post
from workers import noon_zone, start_worker, submits, wait_for, write_providers

NUMBER, MAIL = "+8613900001111", "person@example.com"
HEAD = POLICY_HEAD + "opt_out_confirmation: stopped\n"
STEPS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
  - id: arrears
    when: due - 1d at 09:00
    serves: default
    route: [email]
    template: overdue
"""
NINE = "2026-03-09T09:00+08:00"
SAID = "2026-03-09T09:02+08:00"


@pytest.fixture(autouse=True)
def text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEXTS, "stopped", "Test Bank: you will get no more texts from us.")


def booked(lender: Lender, rows: str = "loan due_on\nL-1 2026-03-10", head: str = HEAD, **place: str) -> None:
    lender.book(rows, **place)
    lender.reindex_contact_points()
    lender.policy(STEPS, head=head)
    lender.plan("2026-03-09T00:00+08:00")


def confirmer(lender: Lender, packs: Packs | None = None) -> Confirmer:
    return Confirmer(packs or shipped().packs, lender.plannables)


def heard(
    lender: Lender,
    at: str = SAID,
    word: str = "STOP",
    sender: str = NUMBER,
    packs: Packs | None = None,
    **more: object,
) -> bool:
    reply = Reply("sms", sender, "10690", word, **more)  # type: ignore[arg-type]
    return take_reply(
        lender.conn, lender.keyring, reply, now=datetime.fromisoformat(at), confirmer=confirmer(lender, packs)
    )


def texts(counter: Counter, channel: str = "sms") -> list[str]:
    return [one.text for one in counter.ends[channel].taken]


def confirmations(lender: Lender) -> list[tuple[object, ...]]:
    return lender.messages("coalesce(outcome, state)", "rule", where="confirms IS NOT NULL")


def test_a_stop_is_confirmed_once_to_the_number_it_came_from_and_nothing_else_follows(
    lender: Lender, post: Post
) -> None:
    booked(lender)
    lender.contact_point("B-L-1", "sms", "+8613900002222", rank=0)
    assert heard(lender)
    counter = Counter(post)
    counter.at(SAID, "2026-03-09T09:10+08:00", "2026-03-09T12:00+08:00")
    assert {(one.address, one.text) for one in counter.ends["sms"].taken} == {
        (NUMBER, TEXTS["stopped"]),
        ("+8613900002222", "Test Bank: CN¥100.00 is due on 10 March."),
    }
    assert len(texts(counter)) == 2
    assert lender.messages("purpose", "route", where="confirms IS NOT NULL") == [("confirmation", ["sms"])]


def test_what_the_stop_silences_stays_silent_and_the_statutory_notice_goes(
    lender: Lender, post: Post
) -> None:
    booked(lender)
    assert heard(lender, word="STOP ALL")
    counter = Counter(post)
    counter.at(SAID, "2026-03-09T10:00+08:00")
    assert texts(counter) == [TEXTS["stopped"]]
    assert texts(counter, "email") == ["Test Bank: please pay CN¥100.00."]
    assert lender.messages("step", "rule", where="step = 'due-in-1'") == [("due-in-1", "DEFAULT-OPT-OUT")]


def test_the_same_word_again_before_and_after_is_confirmed_no_second_time(lender: Lender, post: Post) -> None:
    booked(lender)
    assert heard(lender)
    assert heard(lender, "2026-03-09T09:03+08:00")
    counter = Counter(post)
    counter.at("2026-03-09T09:04+08:00")
    assert heard(lender, "2026-03-09T09:05+08:00", "退订")
    counter.at("2026-03-09T09:06+08:00", "2026-03-09T11:00+08:00")
    assert texts(counter) == [TEXTS["stopped"]]


def test_two_workers_that_hear_it_at_once_plan_one(lender: Lender, post: Post) -> None:
    booked(lender)
    policies = lender.plannables()

    def hear(second: int) -> None:
        with post.store.connect() as conn:
            take_reply(
                conn,
                lender.keyring,
                Reply("sms", NUMBER, "10690", "STOP"),
                now=datetime.fromisoformat(SAID) + timedelta(seconds=second),
                confirmer=Confirmer(shipped().packs, lambda: policies),
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hear, range(12)))
    assert confirmations(lender) == [("planned", None)]


def test_who_agreed_again_and_stops_again_is_confirmed_again(lender: Lender, post: Post) -> None:
    booked(lender)
    heard(lender)
    Counter(post).at(SAID)
    at = datetime.fromisoformat("2026-03-09T09:20+08:00")
    index = address_index(lender.keyring, Channel.SMS, NUMBER)
    record_consent(
        lender.conn,
        ConsentKind.CONTACT,
        granted=True,
        said=Said("call", "cli", "me", at, at),
        person=Person(lane_of("B-L-1"), borrower_id_of("B-L-1")),
        scope=Scope(None, Channel.SMS, index),
    )
    lender.conn.commit()
    heard(lender, "2026-03-09T09:30+08:00")
    assert len(confirmations(lender)) == 2


def test_it_passes_no_other_stop_than_its_own(lender: Lender, post: Post) -> None:
    booked(lender)
    lender.opt_out("B-L-1")  # everything, long ago
    heard(lender)
    counter = Counter(post)
    counter.at(SAID)
    assert texts(counter) == []
    assert confirmations(lender) == [("planned", "DEFAULT-OPT-OUT")]
    counter.at("2026-03-09T10:03+08:00")
    assert confirmations(lender) == [("expired", "DEFAULT-OPT-OUT")]


def test_it_passes_no_hold_that_lets_nothing_pass(lender: Lender, post: Post) -> None:
    booked(lender, region="GB", zone="Europe/London", amount="90.00 GBP")
    at = datetime.fromisoformat(SAID)
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    add_hold(lender.conn, person, HoldKind.MORATORIUM, said=Said("call", "cli", "me", at, at))
    lender.conn.commit()
    heard(lender, "2026-03-09T17:02+08:00")
    counter = Counter(post)
    counter.at("2026-03-09T17:02+08:00")
    assert texts(counter) == []
    assert confirmations(lender) == [("planned", "UK-BREATHE")]


@pytest.mark.parametrize(("minutes", "sent"), [(4, 1), (5, 0)])
def test_in_the_united_states_it_goes_within_five_minutes_or_not_at_all(
    lender: Lender, post: Post, minutes: int, sent: int
) -> None:
    booked(lender, region="US-CA", zone="America/Los_Angeles", amount="90.00 USD")
    said = datetime.fromisoformat("2026-03-09T10:00-07:00")
    heard(lender, said.isoformat())
    counter = Counter(post)
    counter.at((said + timedelta(minutes=minutes)).isoformat())
    assert texts(counter) == [TEXTS["stopped"]] * sent
    assert confirmations(lender) == ([("in_flight", None)] if sent else [("expired", "USE-LOST")])


def forbidding(tmp_path: Path) -> Packs:
    file = tmp_path / "own.yaml"
    file.write_text("pack: own\nversion: 1\ntighten: {DEFAULT-OPT-OUT: {confirmation_minutes: 0}}\n")
    return load_packs([file])


def test_where_a_rule_forbids_it_none_goes_and_the_stop_holds(
    lender: Lender, post: Post, tmp_path: Path
) -> None:
    booked(lender)
    assert heard(lender, packs=forbidding(tmp_path))
    assert confirmations(lender) == []
    counter = Counter(post)
    counter.at(SAID)
    assert texts(counter) == []


def test_the_shortest_time_of_a_places_rules_holds(tmp_path: Path) -> None:
    packs, day = shipped().packs, datetime(2026, 3, 9, tzinfo=UTC).date()
    place: Callable[[str, Channel], timedelta | None] = lambda region, channel: confirmation_window(  # noqa: E731
        packs, region, channel, Actor.CREDITOR, on=day
    )
    assert place("CN", Channel.SMS) == timedelta(minutes=60)
    assert place("US-MA", Channel.SMS) == timedelta(minutes=5)
    assert place("US-MA", Channel.EMAIL) == timedelta(minutes=60)
    assert confirmation_window(forbidding(tmp_path), "US", Channel.SMS, Actor.CREDITOR, on=day) is None


@pytest.mark.parametrize(
    ("head", "sender"), [(POLICY_HEAD, NUMBER), (HEAD, "+8613900009999")], ids=["no text", "nobody's number"]
)
def test_nothing_is_confirmed_without_a_text_or_to_a_stranger(lender: Lender, head: str, sender: str) -> None:
    booked(lender, head=head)
    assert heard(lender, sender=sender)
    assert confirmations(lender) == []


def test_who_shares_a_number_is_confirmed_as_the_one_we_wrote_to(lender: Lender, post: Post) -> None:
    booked(lender, "loan due_on\nL-1 2026-03-10\nL-2 2026-04-10")
    counter = Counter(post)
    counter.at(NINE)
    heard(lender)
    assert [row[0] for row in lender.messages("loans", where="confirms IS NOT NULL")] == ["L-1"]
    assert lender.conn.execute("SELECT count(*) FROM consent").fetchone() == (2,)
    counter.at(SAID)
    assert texts(counter)[-1] == TEXTS["stopped"]


def test_an_unsubscription_or_complaint_stops_the_address_and_is_not_written_to_again(
    lender: Lender, post: Post
) -> None:
    booked(lender)
    for kind in (ReplyKind.UNSUBSCRIBED, ReplyKind.COMPLAINT):
        assert heard(lender, word="", sender=MAIL, channel=Channel.EMAIL, kind=kind)
    assert confirmations(lender) == []
    index = address_index(lender.keyring, Channel.EMAIL, MAIL)
    assert lender.conn.execute("SELECT DISTINCT channel, address_index FROM consent").fetchall() == [
        ("email", index)
    ]


def test_an_unsubscription_that_names_our_attempt_alone_stops_where_it_went(
    lender: Lender, post: Post
) -> None:
    booked(lender)
    counter = Counter(post)
    counter.at(NINE)
    attempt = counter.ends["email"].taken[0].attempt_id
    assert heard(
        lender, word="", sender="", channel=Channel.EMAIL, kind=ReplyKind.UNSUBSCRIBED, attempt_id=attempt
    )
    index = address_index(lender.keyring, Channel.EMAIL, MAIL)
    assert lender.conn.execute("SELECT channel, address_index FROM consent").fetchall() == [("email", index)]


# -- a worker of its own, killed ------------------------------------------------------------------------------


def at_work(lender: Lender, home: Path, smsc: SandboxProcess, number: str) -> None:
    """A message due now to a person who answers STOP, and a policy with a text for that."""
    zone = noon_zone()
    today = datetime.now(ZoneInfo(zone)).date()
    lender.book(f"loan due_on zone phone email\nL-0 {today} {zone} {number} -")
    lender.reindex_contact_points()
    step = STEPS.split("  - id: arrears")[0].replace("due - 1d", "due")
    lender.policy(step, head=HEAD)
    made = [
        TemplateText(name, "en", {"sms": TEXTS[name], "email": TEXTS[name], "subject": "Your loan"})
        for name in ("due-soon", "stopped")
    ]
    publish(lender.conn, lender.policies[0], Templates(made), "", now=datetime.now(UTC), user="test")
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", zone)
    lender.plan(datetime.now(UTC).isoformat(), lender_zone=zone)
    lender.conn.execute("UPDATE message SET not_before = now(), useful_until = now() + interval '15 min'")
    lender.conn.commit()
    write_providers(home, smsc)


@pytest.mark.slow
def test_a_worker_killed_with_the_confirmation_in_hand_sends_it_once(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: object, keyring: object
) -> None:
    at_work(lender, home, smsc, "+8613800000006")  # answers STOP to whatever comes
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    worker = start_worker(home, database_url)
    wait_for(lambda: sum(submits(post).values()) == 2, 180, worker, home)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    last = start_worker(home, database_url)
    # The person answers STOP to the confirmation too, which is heard: nothing more follows.
    wait_for(lambda: stops(lender) >= 2 and not confirming(lender), 180, last, home)
    last.send_signal(signal.SIGTERM)
    assert last.wait(180) == 0
    assert list(submits(post).values()) == [2]
    assert len(confirmations(lender)) == 1


@pytest.mark.slow
def test_a_worker_killed_before_it_acknowledges_the_word_confirms_it_once(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: object, keyring: object
) -> None:
    at_work(lender, home, smsc, "+8613800000006")
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    worker = start_worker(home, database_url)
    wait_for(lambda: stops(lender) >= 1, 180, worker, home)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    last = start_worker(home, database_url)
    wait_for(lambda: confirmations(lender) != [] and not confirming(lender), 180, last, home)
    last.send_signal(signal.SIGTERM)
    assert last.wait(180) == 0
    assert sum(submits(post).values()) <= 2
    assert len(confirmations(lender)) == 1


def stops(lender: Lender) -> int:
    row = lender.conn.execute("SELECT count(*) FROM consent WHERE NOT granted").fetchone()
    lender.conn.commit()
    assert row is not None
    return int(row[0])


def confirming(lender: Lender) -> bool:
    """Whether the confirmation may still be handed over: not tried, or an attempt is open."""
    row = lender.conn.execute(
        """SELECT EXISTS (
               SELECT 1 FROM message m
               LEFT JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id AND a.state = 'claimed'
               WHERE m.confirms IS NOT NULL AND (m.state = 'planned' OR a.lane IS NOT NULL))"""
    ).fetchone()
    lender.conn.commit()
    assert row is not None
    return bool(row[0])
