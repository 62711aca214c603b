"""Every row of the facts is a rule; the rules that look at a contact are those of its place, its day and its actor."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import get_args

import pytest

from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules.model import Actor, Level, Primitive, Rule, Status
from duecourse.rules.packs import Contact, Packs, displaces, load_packs, resolve, shipped_packs, standing
from duecourse.rules.tightening import open_minutes
from duecourse.rules.wording import PRIMITIVES, primitive_in_words
from duecourse.store.zones import known_zones

FACTS = [
    "CN-HOURS", "CN-CALL-EFF", "CN-CALL-TRY", "CN-3P", "CN-ID", "CN-WORDS", "CN-CARD", "CN-CFC-5Y",
    "CN-OUTSRC", "CN-BASIS", "CN-SPI", "CN-AGENT", "CN-ADM", "CN-DATA", "CN-PEACE", "CN-CREDIT", "CN-PROOF",
    "CN-SMS-M", "CN-FINMKT", "US-HOURS", "US-7IN7", "US-COOL", "US-OPTOUT", "US-REP", "US-CEASE", "US-WORK",
    "US-LCM", "US-3P", "US-NUMBER", "US-VALID", "US-ESIGN", "US-CRA", "US-KEEP", "US-TCPA-STOP",
    "US-TCPA-ALL", "US-TCPA-HRS", "US-MA", "US-FL", "US-NYC", "US-NYS", "US-MAIL", "UK-TIME", "UK-PRIV",
    "UK-86B", "UK-87", "UK-BREATHE", "UK-VULN", "EU-GDPR", "EU-CCD2", "IN-HOURS", "IN-2026", "IN-SERIES",
    "IN-DLT", "IN-AGENT", "BR-FED", "BR-SP", "BR-RJ", "BR-ES", "HK", "SG", "ID", "PH", "VN", "MX", "KE", "NG",
    "SMS-SEG", "CN-SIGN", "ALI-RATE", "TX-RATE", "WX-KF", "WX-TPL", "WX-SUB", "PUSH", "NUM", "LOCK",
]  # fmt: skip
"""The rows of the facts that the packs were written from."""

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs()


def hours(
    packs: Packs, region: str | None, purpose: str = "collection", on: date = TODAY, **more: object
) -> list[str]:
    """The windows that look at an SMS."""
    contact = Contact(region, Purpose(purpose), Channel.SMS, **more)  # type: ignore[arg-type]
    return [rule.id for rule in packs.resolve(contact, on=on) if rule.does.primitive == "P1"]


def ids(packs: Packs, region: str, on: date = TODAY, channel: str = "sms", **more: object) -> set[str]:
    contact = Contact(region, Purpose.COLLECTION, Channel(channel), **more)  # type: ignore[arg-type]
    return {rule.id for rule in packs.resolve(contact, on=on)}


@pytest.mark.parametrize("fact", FACTS)
def test_every_row_of_the_facts_is_a_rule(packs: Packs, fact: str) -> None:
    parts = [rule for rule in packs.rules.values() if (rule.fact or rule.id) == fact]
    assert parts
    assert all(rule.id == fact or rule.id.startswith(f"{fact}-") for rule in parts)


def test_every_rule_is_a_row_of_the_facts_or_a_convention(packs: Packs) -> None:
    own = {rule.id for rule in packs.rules.values() if (rule.fact or rule.id) not in FACTS}
    assert all(id_.startswith("DEFAULT-") for id_ in own)


def test_all_eighteen_primitives_are_used(packs: Packs) -> None:
    assert len(get_args(get_args(Primitive)[0])) == 18
    assert (
        {rule.does.primitive for rule in packs.rules.values()}
        == {f"P{n}" for n in range(1, 19)}
        == set(PRIMITIVES)
    )


@pytest.mark.parametrize(
    ("region", "open_at", "closed_at"),
    [
        ("CN", ["mon 08:00", "sun 21:59"], ["mon 07:59", "mon 22:00"]),
        ("US", ["mon 08:00", "sun 20:59"], ["mon 07:59", "mon 21:00"]),
        ("US-MA", ["sat 08:00", "sat 20:59"], ["sat 07:59", "sat 21:00"]),
        ("US-FL", ["sun 08:00", "sun 20:59"], ["sun 07:59", "sun 21:00"]),
        ("GB", ["sun 08:00", "sun 20:59"], ["sun 07:59", "sun 21:00"]),
        ("IN", ["sun 08:00", "sun 18:59"], ["sun 07:59", "sun 19:00"]),
        ("BR-SP", ["fri 19:59", "sat 08:00", "sat 13:59"], ["fri 20:00", "sat 14:00", "sun 10:00"]),
        ("BR-RJ", ["fri 09:00", "fri 18:59"], ["fri 08:59", "fri 19:00", "sat 10:00"]),
        ("BR-ES", ["fri 08:00", "fri 18:59"], ["fri 07:59", "fri 19:00", "sat 10:00"]),
        ("BR-MG", ["sun 08:00", "sun 20:59"], ["sun 07:59", "sun 21:00"]),
        ("ID", ["sat 08:00", "sat 19:59"], ["sat 07:59", "sat 20:00", "sun 10:00"]),
        ("PH", ["sun 06:00", "sun 21:59"], ["sun 05:59", "sun 22:00"]),
        ("VN", ["sun 07:00", "sun 20:59"], ["sun 06:59", "sun 21:00"]),
        ("MX", ["fri 07:00", "fri 21:59"], ["fri 06:59", "fri 22:00", "sat 10:00"]),
        ("SG", ["sun 08:00", "sun 20:59"], ["sun 07:59", "sun 21:00"]),
        ("TH", ["sun 08:00", "sun 20:59"], ["sun 07:59", "sun 21:00"]),
    ],
)  # fmt: skip
def test_hours_of_collection_and_reminders(
    packs: Packs, region: str, open_at: list[str], closed_at: list[str]
) -> None:
    for purpose in ("collection", "reminder"):
        windows = [open_minutes(packs.rules[id_].does) for id_ in hours(packs, region, purpose)]  # type: ignore[arg-type]
        opened = frozenset.intersection(*windows)
        assert [at for at in open_at if minute(at) not in opened] == []
        assert [at for at in closed_at if minute(at) in opened] == []


def minute(at: str) -> tuple[str, int]:
    day, clock = at.split()
    return day, int(clock[:2]) * 60 + int(clock[3:])


def test_a_convention_steps_back_where_the_place_has_hours_and_nowhere_else(packs: Packs) -> None:
    assert hours(packs, "CN") == ["CN-HOURS"]
    assert hours(packs, "CN", "marketing") == ["DEFAULT-HOURS"]
    assert hours(packs, "US-MA") == ["US-HOURS", "US-MA-HOURS"]
    assert hours(packs, "TH") == hours(packs, None) == ["DEFAULT-HOURS"]


def test_the_caps_of_convention_step_back_for_a_law_that_caps_people_or_debts(packs: Packs) -> None:
    assert {"DEFAULT-CAP-DAY", "DEFAULT-CAP-WEEK"} <= ids(packs, "CN")
    assert "DEFAULT-CAP-DAY" in ids(packs, "CN", provider="aliyun")  # a provider's rate is no law
    assert not {"DEFAULT-CAP-DAY", "DEFAULT-CAP-WEEK"} & ids(packs, "VN")
    assert not {"DEFAULT-CAP-DAY"} & ids(packs, "CN", channel="voice")


def test_general_knowledge_does_not_displace_a_convention(packs: Packs) -> None:
    assert packs.rules["US-MA"].level is Level.K
    assert {"US-MA", "DEFAULT-CAP-DAY"} <= ids(packs, "US-MA")


def test_a_region_has_the_rules_of_those_around_it(packs: Packs) -> None:
    assert packs.chain("US-NYC") == ("US-NYC", "US-NY", "US", "*")
    assert packs.chain("BR-SP") == ("BR-SP", "BR", "*")
    assert packs.chain(None) == ("*",)
    assert {"US-NYC", "US-HOURS", "LOCK"} <= ids(packs, "US-NYC")
    assert "US-NYC" not in ids(packs, "US-NY") and "US-MA" not in ids(packs, "US-NY")
    assert {"EU-GDPR", "EU-CCD2"} <= ids(packs, "DE") & ids(packs, "FR")


def test_a_region_nobody_knows_has_the_conventions_alone(packs: Packs) -> None:
    found = packs.resolve(Contact("ZZ", Purpose.COLLECTION, Channel.SMS), on=TODAY)
    assert {packs.pack_of[rule.id].pack for rule in found} == {"policy-default", "channels"}
    assert not packs.knows("ZZ") and packs.knows("US-NYC") and packs.knows("DE")


@pytest.mark.parametrize(
    ("rule", "region", "last_without", "first_with", "purpose"),
    [
        ("US-NYC", "US-NYC", "2026-08-31", "2026-09-01", "collection"),
        ("US-NYC-CONSENT", "US-NYC", "2026-08-31", "2026-09-01", "collection"),
        ("CN-FINMKT", "CN", "2026-09-29", "2026-09-30", "marketing"),
        ("EU-CCD2", "DE", "2026-11-19", "2026-11-20", "collection"),
        ("NG", "NG", "2025-07-20", "2025-07-21", "collection"),
        ("IN-DLT-SUFFIX", "IN", "2025-05-05", "2025-05-06", "collection"),
        ("US-TCPA-ALL-REVOKE", "US", "2027-01-31", "2027-02-01", "collection"),
    ],
)
def test_a_rule_holds_from_its_first_day(
    packs: Packs, rule: str, region: str, last_without: str, first_with: str, purpose: str
) -> None:
    def found(day: str) -> bool:
        contact = Contact(region, Purpose(purpose), Channel.SMS)
        return rule in {r.id for r in packs.resolve(contact, on=date.fromisoformat(day))}

    assert not found(last_without)
    assert found(first_with)


def test_a_rule_holds_through_its_last_day(packs: Packs) -> None:
    assert "US-TCPA-ALL" in ids(packs, "US", date(2027, 1, 31))
    assert "US-TCPA-ALL" not in ids(packs, "US", date(2027, 2, 1))
    assert "US-FL-EMAIL" in ids(packs, "US-FL", date(2025, 5, 15), channel="email")
    assert "US-FL-EMAIL" not in ids(packs, "US-FL", date(2025, 5, 16), channel="email")
    assert standing(packs.rules["US-FL-EMAIL"], TODAY) == "superseded"


def test_a_draft_applies_only_where_it_is_turned_on(packs: Packs) -> None:
    assert {rule.id for rule in packs.rules.values() if rule.status is Status.DRAFT} == {
        "US-NYS", "US-NYS-TRY", "IN-2026", "IN-2026-PARTY", "IN-2026-MOURNING",
    }  # fmt: skip
    on = Packs(packs.packs, frozenset({"IN-2026-MOURNING"}))
    assert "IN-2026-MOURNING" not in ids(packs, "IN")
    assert "IN-2026-MOURNING" in ids(on, "IN")
    assert "IN-2026-MOURNING" not in ids(on, "IN", date(2026, 6, 30))


def test_who_is_bound(packs: Packs) -> None:
    def voice(actor: Actor, region: str = "US") -> set[str]:
        return ids(packs, region, channel="voice", actor=actor)

    assert {"US-7IN7", "US-COOL"} <= voice(Actor.COLLECTOR) & voice(Actor.AGENCY)
    assert not {"US-7IN7", "US-COOL"} & voice(Actor.CREDITOR)
    assert "US-MA" in voice(Actor.CREDITOR, "US-MA")  # creditors too
    assert "US-HOURS" in voice(Actor.CREDITOR)


def test_what_is_not_known_of_a_contact_is_taken_for_the_stricter_side(packs: Packs) -> None:
    assert "CN-CFC-5Y" in ids(packs, "CN")
    assert "CN-CFC-5Y" not in ids(packs, "CN", lender=frozenset({"bank"}))
    assert "CN-CARD-KEEP" in ids(packs, "CN", product=None)
    assert "CN-CARD-KEEP" not in ids(packs, "CN", product="auto")
    assert "US-MA" in ids(packs, "US-MA")  # a number of unknown kind is a mobile one
    assert {"US-MA-ELSEWHERE"} <= ids(packs, "US-MA", address_kind="work")
    assert "CN-CREDIT" not in ids(packs, "CN") and "CN-CREDIT" in ids(packs, "CN", action="bureau-report")


def test_a_moratorium_of_england_does_not_reach_scotland(packs: Packs) -> None:
    assert "UK-BREATHE" in ids(packs, "GB") & ids(packs, "GB-ENG")
    assert "UK-BREATHE" not in ids(packs, "GB-SCT") | ids(packs, "GB-NIR")


def test_where_a_recipient_may_be_is_what_the_narrowest_region_says(packs: Packs) -> None:
    assert packs.zones("US-FL") == ("America/New_York", "America/Chicago")
    assert packs.zones("US-NYC") == ("America/New_York",)
    assert packs.zones("CN") == ("Asia/Shanghai",)
    assert packs.zones("KE") == ("Africa/Nairobi",)
    assert len(packs.zones("ID")) == 4
    assert packs.zones("ZZ") == packs.zones(None) == ()
    places = {region for pack in packs.packs for region in pack.regions} - {"*", "EU"}
    assert all(packs.zones(place) and set(packs.zones(place)) <= known_zones() for place in places)


def test_the_arguments_of_resolve_are_those_of_a_contact(packs: Packs) -> None:
    found = resolve(packs, region="CN", purpose=Purpose.COLLECTION, channel=Channel.SMS, on=TODAY)
    assert {rule.id for rule in found} == ids(packs, "CN")


def test_no_shipped_rule_can_loosen_what_another_allows(packs: Packs) -> None:
    """Adding a rule only adds a condition: the conventions alone step back, and they are soft."""
    for rule in packs.rules.values():
        displaced = [other for other in packs.rules.values() if other.fallback and displaces(rule, other)]
        assert all(not other.binding and other.level is Level.POLICY for other in displaced)
        if rule.level in (Level.K, Level.DRAFT) or rule.status is Status.DRAFT:
            assert displaced == []


def test_every_rule_says_what_it_says_in_both_languages(packs: Packs) -> None:
    def whole(rule: Rule) -> bool:
        words = primitive_in_words(rule.does)
        return all((rule.says.en, rule.says.zh, words.en, words.zh, rule.source.instrument))

    assert [rule.id for rule in packs.rules.values() if not whole(rule)] == []


def test_every_jurisdiction_has_a_pack_of_its_name() -> None:
    wanted = {
        "cn", "us", "gb", "eu", "in", "br", "hk", "sg", "id", "ph", "vn", "mx", "ke", "ng", "policy-default",
        "channels",
    }  # fmt: skip
    assert {pack.pack for pack in shipped_packs()} == wanted
    folder = files("duecourse.rules").joinpath("packs")
    assert {file.name for file in folder.iterdir() if file.name.endswith(".yaml")} == {
        f"{w}.yaml" for w in wanted
    }
