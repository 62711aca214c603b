"""All that a channel carries is handed over and kept, and is made again from the template's version and the facts."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from duecourse.content.bill import BillArtist
from duecourse.content.render import Renderer
from duecourse.content.variables import Item
from duecourse.dispatch.compose import Composer, Facts, Rendition
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from lender import POLICY_HEAD, Lender
from post import Post

PARTS = {
    "sms": "Test Bank: {{ total | money }} is due on {{ due_on | date }}.",
    "subject": "A date",
    "email": "Dear {{ name }},\n\n{{ total | money }} is due on {{ due_on | date }}.",
    "wechat.thing1": "{{ product }}",
    "wechat.amount2": "{{ total | money }}",
    "plain.email": "Please pay {{ total | money }}.",
    "link": "https://pay.bank.example/",
    "picture": "bill",
}
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [email]
    template: due-soon
"""
NINE = "2026-03-09T09:00+08:00"


class Parts(Post):
    """Renders PARTS, with the bill."""

    def composer(self) -> Composer:
        """As a worker makes it."""

        def read_templates(ref: TemplateRef) -> dict[TemplateRef, list[TemplateText]]:
            return {ref: [TemplateText(ref.template, "en", PARTS)]}

        artist = BillArtist()
        artist.warm()
        return Composer(
            Renderer(draw=artist),
            lambda name, _: {p.name: p for p in self.lender.policies}[name],
            read_templates,
        )


@pytest.fixture
def parts(post: Post) -> Parts:
    return Parts(post.store, post.keyring, post.lender, post.far_ends)


def facts(**more: Any) -> Facts:
    given = {
        "message_id": uuid4(), "borrower_id": uuid4(), "policy": "test", "policy_version": 1,
        "purpose": "reminder", "creditor": "bank", "currency": "CNY",
        "template": "due-soon", "template_version": 1, "name": "Test Person", "language": "en",
        "large": False, "first": True, "items": (Item("L-1", date(2026, 3, 10), 10000, "cash-loan"),),
        "loan_ids": (), "borrower_key": "B-L-1",
    }  # fmt: skip
    return Facts(**{**given, **more})


def kept(parts: Parts) -> tuple[dict[str, Any], bytes]:
    """What the archive has of the last attempt, and its digest."""
    attempt, sealed, digest = parts.lender.conn.execute(
        "SELECT attempt_id, text_sealed, text_digest FROM attempt ORDER BY claimed_at DESC, attempt_id"
    ).fetchall()[0]
    parts.lender.conn.commit()
    return json.loads(open_value(parts.keyring, sealed, "attempt", "text", attempt)), bytes(digest)


def test_what_was_handed_over_is_made_again_from_the_version_and_the_facts(
    lender: Lender, parts: Parts, keyring: Keyring
) -> None:
    lender.policy(STEP, POLICY_HEAD)
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    parts.work(NINE)
    archived, digest = kept(parts)
    assert set(archived) == {"text", "subject", "html", "link", "attachments"}
    assert archived["text"] == "Dear Test Person,\n\nCN¥100.00 is due on 10 March."
    assert "cid:bill.png" in archived["html"] and archived["attachments"][0]["name"] == "bill.png"
    again = parts.composer().compose(facts(), "email")
    assert keyring.digest(again.archived) == digest
    other = parts.composer().compose(facts(name="Test Persons"), "email")
    assert keyring.digest(other.archived) != digest


def test_a_wish_for_large_type_gets_plain_words_set_large_and_a_language_wished_is_used(
    lender: Lender, parts: Parts
) -> None:
    lender.policy(STEP, POLICY_HEAD.replace("[en]", "{known: [en], fallback: {fr: en}}"))
    lender.book("loan borrower due_on language\nL-1 B 2026-03-10 de")
    for kind, wish in (("large-type", '{"wanted": true}'), ("language", '{"language": "fr"}')):
        lender.conn.execute(
            """INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by,
                   effective_at, recorded_at)
               SELECT lane, borrower_id, gen_random_uuid(), %s, %s, 'call', 'test', 'test', '2026-01-01', '2026-01-01'
               FROM borrower""",
            (kind, wish),
        )
    lender.conn.commit()
    lender.plan("2026-03-09T00:00+08:00")
    parts.work(NINE)
    archived, _ = kept(parts)
    assert archived["text"] == "Please pay CN¥100.00." and "font-size:22px" in archived["html"]
    assert archived["large"] is True


def test_a_wish_that_has_ended_is_not_followed_and_the_lender_s_own_field_is(
    lender: Lender, parts: Parts
) -> None:
    lender.policy(STEP, POLICY_HEAD)
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.conn.execute(
        """INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by,
               effective_at, recorded_at, ended_at, ended_by, end_recorded_at)
           SELECT lane, borrower_id, gen_random_uuid(), 'large-type', '{"wanted": true}', 'call', 'test', 'test',
                  '2026-01-01', '2026-01-01', '2026-02-01', 'test', '2026-02-01' FROM borrower"""
    )
    lender.plan("2026-03-09T00:00+08:00")
    composer = parts.composer()
    assert composer.compose(facts(), "email").text.startswith("Dear Test Person")
    lender.attributes("B", large_type="yes")
    parts.work(NINE)
    assert kept(parts)[0]["text"] == "Please pay CN¥100.00."


def composed(lender: Lender, parts: Parts, channel: str) -> Rendition:
    lender.policy(STEP, POLICY_HEAD)
    return parts.composer().compose(facts(), channel)


def test_wechat_is_given_its_fields_by_keyword(lender: Lender, parts: Parts) -> None:
    said = composed(lender, parts, "wechat")
    assert said.registered and said.registered.values == (("thing1", "cash-loan"), ("amount2", "¥100.00"))


def test_a_call_is_given_its_script_and_keeps_it(lender: Lender, parts: Parts) -> None:
    said = composed(lender, parts, "voice")
    assert said.script and said.script.notice == "Test Bank: 100.00 Chinese yuan is due on 10 March."
    assert json.loads(said.archived)["script"]["voicemail"] == said.script.voicemail
    assert said.values["total"] == "CN¥100.00"
