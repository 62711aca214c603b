"""A claim looks at what there is room for: not at a whole backlog again and again, nor past another channel's."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from counter import Counter, Scripted
from duecourse.dispatch.carriers import learn_carriers
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.lines import Line, Routing
from duecourse.dispatch.reach import Reach
from duecourse.domain.messaging import Channel
from exchange import NOW, SMS, Exchange, due
from lender import Lender
from post import Post
from workers import fill, noon_zone


def turn(counter: Counter, seconds: int = 0) -> int:
    """One turn so long after nine; how many messages it looked at."""
    counter.switchboard.now = NOW + timedelta(seconds=seconds)
    return asyncio.run(looked(counter.desk, counter.switchboard.now))


async def looked(desk: Desk, now: datetime) -> int:
    """One turn; how many messages it looked at."""
    results, claim_on = [], desk._claim_on

    def note(*given: Any) -> Any:
        results.append(claim_on(*given))
        return results[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "_claim_on", note)
        patch.setattr(
            desk._stride, "took", lambda *_: None
        )  # a slow machine claims less: not what is asked here
        await desk.take_turn(now, 500)
    return sum(result.looked for result, _ in results)


def test_of_a_backlog_no_more_is_judged_than_may_go(lender: Lender, post: Post) -> None:
    due(lender, 60)
    exchange = Exchange(post, one=Routing())
    exchange.ends["one"].window = 5
    assert [turn(exchange) for _ in range(13)] == [5] * 12 + [0]
    assert exchange.taken() == {"one": 60}


def test_where_lines_share_their_channel_nothing_is_judged_in_vain_for_long(
    lender: Lender, post: Post
) -> None:
    due(lender, 200)
    exchange = Exchange(post, one=Routing(), two=Routing())
    exchange.ends["one"].window = exchange.ends["two"].window = 10
    turns = []
    while not turns or turns[-1]:
        turns.append(turn(exchange))
    assert sum(exchange.taken().values()) == 200
    assert max(turns) <= 40
    assert sum(turns) <= 1.5 * 200


def test_a_backlog_of_one_channel_leaves_others_their_way(lender: Lender, post: Post) -> None:
    """Also of what falls due later than all of it."""
    due(lender, 60)
    lender.conn.execute(
        """UPDATE message SET route = '{email}', not_before = not_before + interval '1 min'
           WHERE message_id IN (SELECT message_id FROM message LIMIT 3)"""
    )
    lender.conn.commit()
    exchange = Exchange(post, one=Routing())
    exchange.ends["one"].window = 5
    assert turn(exchange, 300) == 5 + 3
    assert exchange.taken() == {"one": 5, "email": 3}


def test_a_backlog_of_one_line_is_looked_past_for_another_of_the_same_channel(
    lender: Lender, post: Post
) -> None:
    rows = [f"M-{n} 2026-03-10 +86139000011{n:02d}" for n in range(40)]
    rows += [f"U-{n} 2026-03-10 +86130000011{n:02d}" for n in range(3)]
    lender.book("loan due_on phone\n" + "\n".join(rows), email="-")
    lender.policy(SMS)
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute(
        """UPDATE message m SET not_before = not_before + interval '1 min'
           FROM borrower b WHERE b.lane = m.lane AND b.borrower_id = m.borrower_id AND b.borrower_key LIKE 'B-U%'"""
    )
    lender.conn.commit()
    learn_carriers(lender.conn, lender.keyring, range(256), now=NOW)
    exchange = Exchange(
        post, mobile=Routing(carriers=("CN-mobile",)), unicom=Routing(carriers=("CN-unicom",))
    )
    exchange.ends["mobile"].window, exchange.ends["unicom"].window = 1, 3
    turns = 0
    while exchange.taken()["unicom"] < 3:
        turn(exchange, 300)
        turns += 1
        assert turns < 8
    assert exchange.taken()["mobile"] == turns


def test_what_goes_by_a_later_channel_of_its_route_is_not_held_up_by_the_first(
    lender: Lender, post: Post
) -> None:
    due(lender, 70, route="[app, sms]")
    exchange = Exchange(post, one=Routing())
    app = Scripted(Channel.APP, [])
    app.window = 5
    exchange.switchboard.adapters["app"] = app  # type: ignore[assignment]
    assert [turn(exchange) for _ in range(4)] == [5, 10, 20, 35]
    assert exchange.taken() == {"one": 70}


def test_a_place_beyond_the_route_at_which_no_claim_would_look_is_refused(lender: Lender) -> None:
    due(lender)
    with pytest.raises(psycopg.errors.CheckViolation, match="route_at_within"):
        lender.conn.execute("UPDATE message SET route_at = 2")
    lender.conn.rollback()


def test_a_desk_is_short_when_limits_a_second_left_nothing_more(lender: Lender, post: Post) -> None:
    fill(lender, 30, noon_zone())
    counter = Counter(post)
    desk = counter.desk

    async def turns() -> list[tuple[int, bool]]:
        seen = []
        for limit in (10, None):
            counter.switchboard.routings["sms"] = Routing(rate_per_second=limit)
            seen.append((await looked(desk, await desk.clock()), desk.is_short))
        return seen

    assert asyncio.run(turns()) == [(2, True), (28, False)]


def test_places_follow_the_room_of_what_may_be_used() -> None:
    used = Line(Channel.SMS, "one", True, 25)
    full = Line(Channel.EMAIL, "mail", True, 0)
    paused = Line(Channel.VOICE, "calls", False, 25)
    lines, reach = [used, full, paused], Reach()
    places = reach.places(lines, 100)
    assert (places["sms"], places["voice"], places["app"]) == (25, 100, 100)
    assert "email" not in places
    grown = []
    for _ in range(4):  # all that was looked at is held back by the rules
        places = reach.places(lines, 100)
        grown.append(places["sms"])
        reach.looked(lines, places, {"sms": places["sms"]}, [])
    assert grown == [25, 50, 100, 100]
    reach.looked(lines, places, {"sms": 100}, [used] * 25)
    reach.looked(lines, places, {"sms": 100}, [used] * 25)
    assert reach.places(lines, 100)["sms"] <= 50
    reach.looked(lines, places, {"sms": 3}, [used] * 3)  # there was no more: nothing is learnt
    assert reach.places(lines, 100)["sms"] <= 50
