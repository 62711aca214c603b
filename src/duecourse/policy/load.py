"""A policy file, checked as a whole: every fault is reported together, with file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from babel import Locale, UnknownLocaleError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from duecourse.domain.problems import DuecourseError
from duecourse.rules.model import Actor

from .brakes import parse_brakes
from .conditions import Known, misplaced, parse_condition
from .counting import read_buckets, read_bureau
from .early import parse_early_settlement
from .model import Condition, Creditor, Grace, Languages, Policy, Step, Wording
from .offers import parse_offers
from .reading import Faults, Section, did_you_mean, is_whole, read_yaml, shown
from .responses import parse_responses
from .routes import parse_duration
from .steps import parse_step

MAX_GRACE_DAYS = 366
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?\Z")


def load_policy(path: Path) -> Policy:
    """The policy of a file. Raises DuecourseError with every fault of it; templates are not looked at."""
    faults = Faults()
    policy = read_policy(path, faults)
    if policy is None or faults.problems:
        raise DuecourseError(faults.problems)
    return policy


def read_policy(path: Path, faults: Faults) -> Policy | None:
    """As load_policy, adding to `faults`. None when no policy can be made of the file at all.

    A policy is returned in spite of some faults, so that its templates can be checked in the same go.
    """
    document = read_yaml(path, faults)
    if document is None:
        return None
    top = Section(document, str(path), faults)
    name = top.identifier("policy")
    grace, grades = _grace(top)
    buckets, bureau = read_buckets(top), read_bureau(top)
    known = Known(grades, buckets)
    priority = top.integer("priority", 0, -1000, 1000)
    applies_to = parse_condition(top.section("applies_to", "applies_to"), known)
    bundle = top.choice("bundle", ["borrower", "loan"], default="borrower")
    daily_cap = top.integer("daily_cap", 1, 1, 20)
    sms_parts_max = top.integer("sms_parts_max", 4, 1, 10)
    brakes = parse_brakes(top)
    correction = top.identifier("correction", required=False)
    opt_out_confirmation = top.identifier("opt_out_confirmation", required=False)
    pay_link = top.identifier("pay_link", required=False)
    authenticity = top.choice("authenticity", ["optional", "required"], default="optional")
    link_days = top.integer("link_days", 0, 1, 366) if top.has("link_days") else None
    verify_address = top.identifier("verify_address", required=False)
    responses = parse_responses(top)
    offers = parse_offers(top, known)
    certificates = _certificates(top, applies_to)
    early_settlement = parse_early_settlement(top)
    part_payments = top.choice("part_payments", ["refused", "allowed"], default="refused")
    actor = top.choice("actor", list(Actor)) if top.has("actor") else None
    max_book_age = _max_book_age(top)
    wording = _wording(top)
    steps = _steps(top, grace, known, applies_to)
    top.finish()
    if name is None or wording is None or not steps:
        return None
    return Policy(
        name=name,
        priority=priority,
        applies_to=applies_to,
        bundle="loan" if bundle == "loan" else "borrower",
        grace=grace,
        buckets=buckets,
        bureau=bureau,
        daily_cap=daily_cap,
        sms_parts_max=sms_parts_max,
        brakes=brakes,
        correction=correction,
        opt_out_confirmation=opt_out_confirmation,
        pay_link=pay_link,
        authenticity="required" if authenticity == "required" else "optional",
        link_days=link_days,
        verify_address=verify_address,
        responses=responses,
        offers=offers,
        certificates=certificates,
        early_settlement=early_settlement,
        part_payments="allowed" if part_payments == "allowed" else "refused",
        actor=Actor(actor).value if actor else None,
        max_book_age_seconds=max_book_age,
        wording=wording,
        steps=steps,
    )


def _certificates(top: Section, applies_to: Condition) -> Literal["on_request", "on_settlement"]:
    if top.choice("certificates", ["on_request", "on_settlement"], default="on_request") == "on_request":
        return "on_request"
    for name in misplaced(applies_to, of_event=True):
        message = f"certificates: applies_to asks for {name} of an installment, of which a settled loan has none open"
        top.fault("P453", "certificates", message)
    return "on_settlement"


def _max_book_age(top: Section) -> int | None:
    text = top.text("max_book_age")
    seconds = parse_duration(text) if text else None
    if text is not None and seconds is None:
        found = f"max_book_age: {shown(text)} is not a time of 1m to 30d; write e.g. 36h"
        top.fault("P103", "max_book_age", found)
    return seconds


def _grace(top: Section) -> tuple[Grace, Sequence[str]]:
    """Grace, and the grades the policy knows: those that `grace_days` names."""
    value = top.take("grace_days")
    if value is None:
        return Grace(), ()
    if not isinstance(value, CommentedMap):
        return Grace(default=_days(top, "grace_days", value)), ()
    under = Section(value, top.file, top.faults, "grace_days")
    by_grade = {str(key): _days(under, key, under.take(key)) for key in value}
    default = by_grade.pop("default", 0)
    return Grace(default=default, by_grade=by_grade), tuple(by_grade)


def _days(section: Section, key: str, value: object) -> int:
    if isinstance(value, int) and is_whole(value) and 0 <= value <= MAX_GRACE_DAYS:
        return int(value)
    section.fault(
        "P103", key, f"grace of {key}: expected days from 0 to {MAX_GRACE_DAYS}, found {shown(value)}"
    )
    return 0


def _steps(top: Section, grace: Grace, known: Known, applies_to: Condition) -> tuple[Step, ...]:
    steps: list[Step] = []
    seen: dict[str, str] = {}
    listed = False
    for section in top.sections("steps", lambda entry, index: f"step {entry.get('id', index + 1)}"):
        listed = True
        step_id = str(section.content.get("id"))
        if section.has("id") and step_id in seen:
            section.fault("P105", "id", f"step id '{step_id}' is taken already at {seen[step_id]}")
        seen.setdefault(step_id, section.where("id").split(" ", 1)[0])
        step = parse_step(section, grace, known, applies_to)
        if step:
            steps.append(step)
    if not listed:
        top.fault("P103", "steps", "'steps' is missing or empty: a policy needs at least one step")
    return tuple(steps)


def _wording(top: Section) -> Wording | None:
    languages = _languages(top)
    if languages is None:
        return None
    creditors = {}
    creditor_entries = top.section("creditors", "creditors")
    for key in creditor_entries.content if creditor_entries else ():
        under = creditor_entries.section(key, f"creditor {key}") if creditor_entries else None
        if under:
            creditors[str(key)] = Creditor(
                name=_by_language(under, "name", languages), contact_phone=under.text("contact_phone") or ""
            )
            under.finish()
    product_entries = top.section("products", "products")
    products = {
        str(key): _by_language(product_entries, key, languages)
        for key in (product_entries.content if product_entries else ())
        if product_entries
    }
    return Wording(languages=languages, creditors=creditors, products=products)


def _by_language(section: Section, key: str, languages: Languages) -> dict[str, str]:
    """A text for every known language (P117)."""
    if isinstance(section.content.get(key), str):
        text = section.text(key)
        return dict.fromkeys(languages.known, text) if text else {}
    texts = section.texts(key)
    for language in texts:
        if language not in languages.known:
            known = did_you_mean(language, languages.known)
            section.fault("P117", key, f"{key}: language {shown(language)} is unknown; {known}")
    for language in languages.known:
        if texts and language not in texts:
            section.fault("P117", key, f"{key}: a text in {language} is missing")
    return texts


def _languages(top: Section) -> Languages | None:
    if isinstance(top.content.get("languages"), CommentedSeq):
        known = _known(top, "languages")
        return Languages(known=known) if known else None
    under = top.section("languages", "languages")
    if under is None:
        if not top.has("languages"):
            top.fault("P103", "languages", "'languages' is missing; write e.g. languages: [zh-CN, en]")
        return None
    known = _known(under, "known")
    default = under.choice("default", known) if under.has("default") else under.take("default")
    fallback = under.texts("fallback")
    under.finish()
    for language, target in fallback.items():
        if target not in known:
            under.fault(
                "P117",
                "fallback",
                f"fallback of {language}: {shown(target)} is unknown; {did_you_mean(target, known)}",
            )
    return Languages(known=known, default=default, fallback=fallback) if known else None


def _known(section: Section, key: str) -> tuple[str, ...]:
    value = section.take(key)
    entries = [str(entry) for entry in value] if isinstance(value, CommentedSeq) else []
    if not entries:
        section.fault("P103", key, f"{key}: expected a list of languages, e.g. [zh-CN, en]")
    for entry in entries:
        if not is_language(entry):
            section.fault(
                "P117", key, f"language {shown(entry)} is unknown; write a BCP 47 tag such as zh-CN or en"
            )
    return tuple(dict.fromkeys(entry for entry in entries if is_language(entry)))


def is_language(tag: str) -> bool:
    """Whether a tag is well formed and CLDR knows its money and dates."""
    if not _LANGUAGE.match(tag):
        return False
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True
