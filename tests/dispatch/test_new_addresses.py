"""Nothing goes to an address that a person gave us but the one message with its code, and that goes there alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from counter import Counter
from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.verifying import confirm_address, propose_address, proposed_addresses
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.links import code_hash
from duecourse.domain.messaging import Channel, Purpose
from duecourse.planning.verifying import codes_today, plan_verification, verifier_of
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish, published_policies
from lender import POLICY_HEAD, REMINDER, Lender, borrower_id_of, lane_of
from post import TEXTS, Post

HEAD = POLICY_HEAD + "verify_address: verify\n"
OLD, NEW = "+8613900001111", "+8613911112222"
NINE = datetime.fromisoformat("2026-03-09T09:00+08:00")
SAID = NINE - timedelta(hours=2)
"""At seven in the morning, when no reminder may go: whoever asks for a code gets it."""
WHO = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))


@pytest.fixture(autouse=True)
def text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEXTS, "verify", "Test Bank code: {{ code }}")


@pytest.fixture
def lent(lender: Lender) -> Lender:
    """One borrower with a reminder planned for nine."""
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.reindex_contact_points()
    lender.name_in_directory("B-L-1")
    lender.policy(REMINDER, head=HEAD)
    lender.plan("2026-03-09T00:00+08:00")
    (policy,) = lender.policies
    texts = [TemplateText(name, "en", {"sms": TEXTS[name]}) for name in policy.templates]
    publish(lender.conn, policy, Templates(texts), "", now=SAID, user="test")
    lender.conn.commit()
    return lender


def propose(
    lender: Lender, address: str = NEW, *, request: UUID | None = None, at: datetime = SAID
) -> UUID | None:
    """As the page does it, committed."""
    verifier = verifier_of(published_policies(lender.conn))
    assert verifier
    point = propose_address(lender.conn, lender.keyring, WHO, Channel.SMS, address, region="CN", now=at)
    assert point
    message = plan_verification(lender.conn, verifier, WHO, point, Channel.SMS, request or uuid4(), now=at)
    lender.conn.commit()
    return message


def sent(counter: Counter) -> list[tuple[str, str]]:
    return [(one.address, one.text) for one in counter.ends["sms"].taken]


def points(lender: Lender) -> list[tuple[object, ...]]:
    query = "SELECT rank, state, retired_reason, verified_how FROM contact_point WHERE channel = 'sms' ORDER BY state"
    found = lender.conn.execute(query).fetchall()
    lender.conn.commit()
    return found


def test_the_code_goes_to_the_new_number_at_once_and_the_reminder_to_the_old_one(
    lent: Lender, post: Post
) -> None:
    propose(lent)
    counter = Counter(post)
    counter.at(SAID.isoformat(), (NINE + timedelta(minutes=1)).isoformat())
    (first, code), second = sent(counter)
    assert first == NEW and code.startswith("Test Bank code: ") and len(code) == len("Test Bank code: ") + 8
    assert second[0] == OLD and len(sent(counter)) == 2


def test_the_code_that_comes_back_puts_the_new_number_in_place_of_the_old(lent: Lender, post: Post) -> None:
    propose(lent)
    counter = Counter(post)
    counter.at(SAID.isoformat())
    code = sent(counter)[0][1].rpartition(" ")[2]
    query = "SELECT contact_point_id FROM link WHERE code_hash = %s"
    row = lent.conn.execute(query, (code_hash(lent.keyring, code),)).fetchone()
    (proposed,) = proposed_addresses(lent.conn, WHO)
    assert row == (proposed.contact_point_id,)
    confirm_address(lent.conn, lent.keyring, WHO, proposed, by="borrower", now=SAID)
    lent.conn.commit()
    assert points(lent) == [(1, "active", None, "code"), (1, "retired", "replaced", None)]
    counter.at((NINE + timedelta(minutes=1)).isoformat())
    assert [address for address, _ in sent(counter)] == [NEW, NEW]


def test_the_same_request_again_plans_no_second_code(lent: Lender) -> None:
    request = uuid4()
    first = propose(lent, request=request)
    assert first and propose(lent, request=request) == first
    assert codes_today(lent.conn, WHO, now=SAID) == 1


def test_what_is_in_use_is_not_proposed(lent: Lender) -> None:
    assert propose_address(lent.conn, lent.keyring, WHO, Channel.SMS, OLD, region="CN", now=SAID) is None


def test_whoever_owes_nothing_any_more_gets_a_code_too(lent: Lender, post: Post) -> None:
    lent.pay("L-1", "2026-03-08")
    propose(lent)
    counter = Counter(post)
    counter.at(SAID.isoformat())
    assert [address for address, _ in sent(counter)] == [NEW]


def test_a_stop_of_marketing_does_not_keep_the_code_back(lent: Lender, post: Post) -> None:
    said = Said("said so", "page", "borrower", SAID, SAID)
    scope = Scope(purpose=Purpose.MARKETING)
    record_consent(lent.conn, ConsentKind.CONTACT, granted=False, said=said, person=WHO, scope=scope)
    propose(lent)
    counter = Counter(post)
    counter.at(SAID.isoformat())
    assert [address for address, _ in sent(counter)] == [NEW]
