"""What is kept long enough is erased by the rules of its place, never a day too soon; proofs stay whole."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from counter import Counter
from duecourse.book.holds import HoldKind, add_hold, end_holds
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.keeping import Kept, erase
from duecourse.domain.messaging import ReceiptStatus
from duecourse.rules.packs import Packs, load_packs
from lender import Lender, borrower_id_of, lane_of
from post import Post

DUE = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""
NINE = "2026-03-09T09:00+08:00"
OWN = """pack: own
version: 1
regions: ["*"]
rules:
  - id: OWN-KEEP
    says: {en: kept no longer than it is needed, zh: 保存期限}
    does: {primitive: P13, records: [messages, contacts], most_years: MOST}
    source: {instrument: Our own rules, read_on: 2026-11-22}
    level: policy
"""


def packs(tmp_path: Path, most: int = 3) -> Packs:
    (tmp_path / "own.yaml").write_text(OWN.replace("MOST", str(most)), encoding="utf-8")
    return load_packs([tmp_path / "own.yaml"])


def sent(lender: Lender, post: Post, **place: str) -> None:
    """One message, delivered, to a number that was retired on its day."""
    lender.book("loan due_on email\nL-1 2026-03-10 -", **place)
    lender.policy(DUE)
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post)
    counter.at(NINE)
    counter.hear(NINE, "sms", ReceiptStatus.DELIVERED)
    lender.conn.execute(
        "UPDATE contact_point SET state = 'retired', retired_reason = 'gone', effective_at = %s", (NINE,)
    )
    lender.conn.commit()


def erased(
    lender: Lender, rules: Packs, on: str, *, dry_run: bool = False
) -> list[tuple[str, int, int, int, int]]:
    found = erase(
        lender.conn,
        rules,
        by="anna",
        as_of=date.fromisoformat(on),
        now=datetime.fromisoformat(f"{on}T12:00+08:00"),
        dry_run=dry_run,
    )
    return [(one.subject, one.must, one.over, one.wanted, one.erased) for one in found]


def left(lender: Lender) -> tuple[bool, bool]:
    """Whether text and address are still there."""
    row = lender.conn.execute(
        "SELECT (SELECT text_sealed FROM attempt) IS NOT NULL, (SELECT address_sealed FROM contact_point) IS NOT NULL"
    ).fetchone()
    lender.conn.commit()
    assert row is not None
    return row[0], row[1]


def test_texts_and_addresses_go_on_the_day_after_their_longest_keeping(
    lender: Lender, post: Post, tmp_path: Path
) -> None:
    rules = packs(tmp_path)
    sent(lender, post, region="HK", zone="Asia/Hong_Kong")
    assert erased(lender, rules, "2029-03-09") == [("texts", 0, 0, 0, 0), ("addresses", 0, 0, 0, 0)]
    gone = [("texts", 0, 1, 0, 1), ("addresses", 0, 1, 0, 1)]
    assert erased(lender, rules, "2029-03-10", dry_run=True) == gone
    assert left(lender) == (True, True)
    digest = lender.conn.execute("SELECT text_digest FROM attempt").fetchone()
    assert erased(lender, rules, "2029-03-10") == gone
    assert left(lender) == (False, False)
    assert lender.conn.execute("SELECT text_digest FROM attempt").fetchone() == digest
    assert lender.conn.execute("SELECT outcome FROM message").fetchone() == ("delivered",)
    history = (
        "SELECT state, rule, reason FROM history WHERE subject = 'attempt' ORDER BY version DESC LIMIT 1"
    )
    assert lender.conn.execute(history).fetchone() == ("delivered", "OWN-KEEP", "text erased by anna")
    told = lender.conn.execute("SELECT was FROM book_history WHERE subject = 'contact_point'").fetchall()
    assert [(was["erased_by"], was["erased_for"], "address_sealed" in was) for (was,) in told] == [
        ("anna", "OWN-KEEP", False)
    ]
    lender.conn.commit()
    assert erased(lender, rules, "2029-03-11") == []


def test_what_a_law_asks_to_keep_outlasts_what_the_lender_allows(
    lender: Lender, post: Post, tmp_path: Path
) -> None:
    """In China a consumer-finance company keeps five years, and so does who has not said what it is."""
    rules = packs(tmp_path)
    sent(lender, post)
    assert erased(lender, rules, "2029-03-10") == [("texts", 1, 0, 0, 0), ("addresses", 1, 0, 0, 0)]
    assert erased(lender, rules, "2031-03-09") == [("texts", 1, 0, 0, 0), ("addresses", 1, 0, 0, 0)]
    assert erased(lender, rules, "2031-03-10") == [("texts", 0, 1, 0, 1), ("addresses", 0, 1, 0, 1)]


def test_the_years_are_counted_from_the_last_that_was_heard_of_the_debt(
    lender: Lender, post: Post, tmp_path: Path
) -> None:
    rules = packs(tmp_path)
    sent(lender, post, region="HK", zone="Asia/Hong_Kong")
    lender.conn.execute(
        """INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, source,
                                local_on, at)
           SELECT lane, borrower_id, gen_random_uuid(), loan_id, 1, gen_random_uuid(), 'collection', 'voice', 'import',
                  '2028-02-29', '2028-02-29T10:00+08:00' FROM loan"""
    )
    lender.conn.commit()
    assert erased(lender, rules, "2031-03-01") == [("texts", 0, 0, 0, 0), ("addresses", 0, 0, 0, 0)]
    assert erased(lender, rules, "2031-03-02") == [("texts", 0, 1, 0, 1), ("addresses", 0, 1, 0, 1)]


def test_what_a_dispute_wants_is_kept_until_it_ends(lender: Lender, post: Post, tmp_path: Path) -> None:
    rules = packs(tmp_path)
    sent(lender, post, region="HK", zone="Asia/Hong_Kong")
    at = datetime.fromisoformat("2026-04-01T00:00+08:00")
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    add_hold(lender.conn, person, HoldKind.DISPUTE, said=Said("letter", "cli", "me", at, at))
    lender.conn.commit()
    assert erased(lender, rules, "2030-01-01") == [("texts", 0, 1, 1, 0), ("addresses", 0, 1, 1, 0)]
    assert left(lender) == (True, True)
    end = datetime.fromisoformat("2029-12-01T00:00+08:00")
    end_holds(lender.conn, person, HoldKind.DISPUTE, at=end, by="me", reason="settled", now=end)
    lender.conn.commit()
    assert erased(lender, rules, "2030-01-01") == [("texts", 0, 1, 0, 1), ("addresses", 0, 1, 0, 1)]


def test_an_address_in_use_stays_and_one_that_comes_back_is_whole_again(
    lender: Lender, post: Post, tmp_path: Path
) -> None:
    rules = packs(tmp_path)
    sent(lender, post, region="HK", zone="Asia/Hong_Kong")
    lender.conn.execute("UPDATE contact_point SET state = 'active', retired_reason = NULL")
    lender.conn.commit()
    assert erased(lender, rules, "2030-01-01") == [("texts", 0, 1, 0, 1)]
    assert left(lender) == (False, True)


@pytest.mark.parametrize("region", ["CN", "US-CA", "HK"])
def test_the_shipped_rules_name_no_longest_keeping_and_erase_nothing(
    lender: Lender, post: Post, region: str
) -> None:
    sent(lender, post, region=region)
    assert [row[2:] for row in erased(lender, load_packs(), "2126-01-01")] == [(0, 0, 0), (0, 0, 0)]


def test_a_limit_on_one_purpose_takes_no_text_of_another(lender: Lender, post: Post, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        OWN.replace("MOST", "3").replace("    does:", "    applies_to: {purpose: [marketing]}\n    does:"),
        encoding="utf-8",
    )
    sent(lender, post, region="HK", zone="Asia/Hong_Kong")
    found: list[Kept] = erase(
        lender.conn,
        load_packs([tmp_path / "own.yaml"]),
        by="anna",
        as_of=date(2040, 1, 1),
        now=datetime.fromisoformat("2040-01-01T12:00+08:00"),
    )
    texts = next(one for one in found if one.subject == "texts")
    assert (texts.periods.most_years, texts.erased) == (None, 0)
