"""A policy in words a compliance officer reads: what a step does, when, to whom and over what."""

from __future__ import annotations

from collections.abc import Sequence

from duecourse.domain.messaging import Channel
from duecourse.domain.money import from_minor

from .model import (
    ANY_TIME,
    Anchor,
    Brakes,
    Bureau,
    Condition,
    Grace,
    Languages,
    Policy,
    Responses,
    Step,
    Test,
)

_CHANNELS = {
    Channel.SMS: "SMS",
    Channel.VOICE: "voice call",
    Channel.EMAIL: "e-mail",
    Channel.WECHAT: "WeChat",
    Channel.APP: "app push",
    Channel.WEBPUSH: "web push",
    Channel.LETTER: "letter",
    Channel.INBOX: "inbox",
    Channel.TASK: "a call by a person",
}
_ANCHORS = {
    Anchor.STATEMENT: ("the statement date", "the statement date"),
    Anchor.DUE: ("the due date", "the due date"),
    Anchor.OVERDUE: ("the end of grace", "the last day of grace"),
    Anchor.PROMISE: ("the day promised", "the day promised"),
    Anchor.LAW: ("the day a rule asks for it", "the day a rule asks for it"),
}
_EVENTS = {
    "application.received": "an application has come in",
    "application.decided": "an application is decided",
    "contract.signed": "a contract is signed",
    "payout.made": "a loan is paid out",
    "payment.received": "a payment has come in",
    "payment.reversed": "a payment was taken back",
    "debit.failed": "a direct debit failed",
    "rate.changed": "the rate has changed",
    "date.changed": "a due day has changed",
    "loan.settled": "a loan is settled",
    "promise.kept": "a promise to pay was kept",
    "promise.broken": "a promise to pay was broken",
}
_FIELDS = {
    "days_past_due": "days past due",
    "strategy_days": "days after grace",
    "rate_type": "rate type",
    "autopay": "direct debit",
    "confirmed": "told of it before",
    "gentle": "said that they cannot pay, and are treated gently",
}
_LEFT_OUT = {"none": "no pause left out", "deferrals": "deferrals left out", "all": "all pauses left out"}


def day_in_words(step: Step) -> str:
    """'7 days before the due date', 'on the due date', '1 day after the end of grace'."""
    if step.on:
        wait = f"{duration_in_words(step.after_seconds)} after " if step.after_seconds else "when "
        gathered = (
            f", with all of {duration_in_words(step.gather_seconds)} together" if step.gather_seconds else ""
        )
        return f"{wait}{_EVENTS[step.on]}{gathered}"
    name, itself = _ANCHORS[step.anchor]
    count = abs(step.offset_days)
    if count == 0:
        return f"on {itself}"
    return f"{count} {'day' if count == 1 else 'days'} {'before' if step.offset_days < 0 else 'after'} {name}"


def responses_in_words(responses: Responses | None) -> str:
    """What follows from answers; the defaults are called so."""
    if responses is None:
        return "the usual"
    gentle = "nothing is asked for" if responses.gentler == "pause" else "the gentler variants"
    return (
        f"said to be paid waits {responses.paid_wait_days}d; promises up to {responses.promise_longest_days}d ahead, "
        f"{responses.promises_in_a_row} in a row; who cannot pay: {gentle} for {responses.gentle_days}d; "
        f"is it really us: {responses.authenticity_reply or 'a person answers'}; "
        f"a person calls: {', '.join(responses.person_calls) or 'nobody'}"
    )


def brakes_in_words(brakes: Brakes | None) -> str:
    """The band in which batches go by themselves, and the canary."""
    if brakes is None:
        return "none"
    told = []
    if brakes.least_messages is not None:
        told.append(f"at least {brakes.least_messages} messages")
    if brakes.most_messages is not None:
        told.append(f"at most {brakes.most_messages} messages")
    if brakes.times_usual is not None:
        told.append(f"within {brakes.times_usual} times the usual number")
    if brakes.most_amount_minor is not None:
        most = from_minor(brakes.most_amount_minor, brakes.currency)
        told.append(f"at most {most} {brakes.currency} a message")
    if brakes.most_total_minor is not None:
        most = from_minor(brakes.most_total_minor, brakes.currency)
        told.append(f"at most {most} {brakes.currency} in all")
    if brakes.canary:
        told.append(
            f"the first {brakes.canary.size} alone, at most {brakes.canary.most_bad_percent} % bad, "
            f"silent for {brakes.canary.wait_seconds // 60} min"
        )
    return ", ".join(told) or "none"


def times_in_words(step: Step) -> str:
    """'at 09:00' or 'between 09:30 and 11:30'; of an event also 'at any hour'."""
    if step.window == ANY_TIME:
        return "at any hour"
    start, end = f"{step.window.start:%H:%M}", f"{step.window.end:%H:%M}"
    return f"at {start}" if start == end else f"between {start} and {end}"


def route_in_words(step: Step) -> str:
    """'SMS, then e-mail if not delivered within 2 hours'."""
    names = [_CHANNELS[channel] for channel in step.route]
    if step.send == "all":
        return f"{' and '.join(names)} at once"
    if len(names) == 1:
        return names[0]
    if step.next_if is None:
        return f"{', then '.join(names)} where the one before fails"
    wait = (
        f"by {step.next_if.by:%H:%M}"
        if step.next_if.by
        else f"within {duration_in_words(step.next_if.within_seconds or 0)}"
    )
    return f"{', then '.join(names)} if not {step.next_if.unless} {wait}"


def duration_in_words(seconds: int) -> str:
    """'2 hours', '1 day 30 minutes'."""
    parts = []
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 minutes"


def condition_in_words(condition: Condition) -> str:
    """'product is mortgage or car-loan; direct debit is no', or 'everyone'."""
    return "; ".join(_test_in_words(test) for test in condition.tests) or "everyone"


def _test_in_words(test: Test) -> str:
    name = _FIELDS.get(test.field, test.field)
    words = {"true": "yes", "false": "no"}
    if test.any_of:
        return f"{name} is {_either([words.get(value, value) for value in test.any_of])}"
    if test.none_of:
        return f"{name} is not {_either([words.get(value, value) for value in test.none_of])}"
    unit = f" {test.currency}" if test.currency else ""
    bounds = [
        f"{word} {bound}{unit}"
        for word, bound in (("at least", test.minimum), ("at most", test.maximum))
        if bound is not None
    ]
    return f"{name} is {' and '.join(bounds)}"


def _either(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def useful_in_words(step: Step) -> str:
    """'the end of the same day', '20:00 of the same day', 'the end of the day 2 days later', '1 day after it'."""
    if step.on:
        return f"{duration_in_words(step.useful_for_seconds)} after it"
    useful = step.useful_until
    at = f"{useful.at:%H:%M}" if useful.at else "the end"
    if useful.days == 0:
        return f"{at} of the same day"
    return f"{at} of the day {useful.days} {'day' if useful.days == 1 else 'days'} later"


def templates_in_words(step: Step) -> str:
    """'due-soon; due-soon-mortgage where product is mortgage'."""
    variants = [f"{v.template} where {condition_in_words(v.condition)}" for v in step.variants]
    return "; ".join([step.template, *variants])


def grace_in_words(grace: Grace) -> str:
    """'A 7, B 5, all others 0 days'."""
    if not grace.by_grade:
        return f"{grace.default} days for all"
    graded = [f"{grade} {days}" for grade, days in grace.by_grade.items()]
    return (
        f"{', '.join([*graded, f'all others {grace.default}'])} days" if graded else f"{grace.default} days"
    )


def bureau_in_words(bureau: Bureau) -> str:
    """'from the due date, as of the month's end, from 30 days and 10 CNY on, deferrals left out'."""
    begins = "from the due date" if bureau.count_from == "due" else "from the end of grace"
    stands = "as of each day" if bureau.stand == "day" else "as of the month's end"
    minimum = [f"{amount} {currency}" for currency, amount in sorted(bureau.minimum.items())]
    least = " and ".join([f"{bureau.from_days} {'day' if bureau.from_days == 1 else 'days'}", *minimum])
    return f"{begins}, {stands}, from {least} on, {_LEFT_OUT[bureau.pauses]}"


def languages_in_words(languages: Languages) -> str:
    """'zh-CN, en; zh-TW in zh-CN; any other in en'."""
    fallback = [f"{language} in {target}" for language, target in sorted(languages.fallback.items())]
    default = f"any other in {languages.default}" if languages.default else "any other not at all"
    return "; ".join([", ".join(languages.known), *fallback, default])


def in_time_order(policy: Policy) -> list[Step]:
    """The steps as a borrower without grace would meet them; a statement counts as before every due date."""
    order = {
        Anchor.STATEMENT: 0,
        Anchor.DUE: 1,
        Anchor.OVERDUE: 1,
        Anchor.PROMISE: 2,
        Anchor.LAW: 3,
        Anchor.EVENT: 4,
    }
    return sorted(
        policy.steps,
        key=lambda step: (
            order[step.anchor],
            step.offset_days,
            step.anchor is Anchor.OVERDUE,
            step.window.start,
        ),
    )


def parties_in_words(step: Step) -> str:
    """Who is told."""
    return ", ".join(step.to)
