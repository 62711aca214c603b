"""What a message's text takes on each channel, beside Liquid alone on the same source with its values written out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from duecourse.content.bill import BillArtist
from duecourse.content.check import Checked, check
from duecourse.content.formats import formats
from duecourse.content.liquid_env import environment
from duecourse.content.making import pieces
from duecourse.content.render import Renderer
from duecourse.content.variables import Facts, Item, template_values
from duecourse.domain.messaging import Channel
from duecourse.domain.money import Money
from duecourse.policy.versions import TemplateRef

from .house import House
from .measure import Report, interleaved, ratio, summary

SIZES = {"small": 5_000, "full": 50_000}
REPETITIONS = 5
EXAMPLE = Path(__file__).parents[1] / "examples" / "consumer-lender" / "policy.yaml"
TEMPLATE = TemplateRef("due-soon", 1)
LANGUAGES = ("zh-CN", "en", "hi", "ar")
PICTURES = 50


def bench(_: House, messages: int, seed: int) -> Report:
    """messages: rendered for each channel and language; no database is asked."""
    report = Report("render", {"messages": messages, "repetitions": REPETITIONS}, seed)
    checked = check(EXAMPLE)
    facts = [_facts(checked, number + seed) for number in range(messages)]
    for language in LANGUAGES:
        for channel in (Channel.SMS, Channel.EMAIL, Channel.VOICE):
            _compare(report, checked, facts, language, channel)
    _pictures(report, facts)
    return report


def _facts(checked: Checked, number: int) -> Facts:
    due_on = date(2026, 3, 10) + timedelta(days=number % 30)
    item = Item(f"HT{number:08d}", due_on, 10_000 + number * 7, "car-loan")
    return Facts(f"Borrower {number}", "any", "CNY", (item,), checked.policy.wording)


def _compare(report: Report, checked: Checked, facts: list[Facts], language: str, channel: Channel) -> None:
    renderer = Renderer({TEMPLATE: checked.templates.of(TEMPLATE.template)})
    text = checked.templates.get(TEMPLATE.template, language)
    assert text is not None
    made = pieces(text, channel)[0]
    # The same Liquid with filters that do nothing: what no renderer can be quicker than.
    bare = [_bare(piece.source) for piece in made]
    given = [_written(one, language) for one in facts]

    def ours(_: int) -> float:
        began = time.perf_counter()
        for one in facts:
            renderer.render(*TEMPLATE, language, channel, one)
        return time.perf_counter() - began

    def liquid(_: int) -> float:
        began = time.perf_counter()
        for values in given:
            for parsed in bare:
                parsed(values)
        return time.perf_counter() - began

    taken = interleaved(REPETITIONS, {"ours": ours, "liquid": liquid})
    factor = ratio(taken["ours"], taken["liquid"])
    each = {name: 1e6 * min(seconds) / len(facts) for name, seconds in taken.items()}
    report.figures[f"{channel} {language}"] = {name: summary(seconds) for name, seconds in taken.items()} | {
        "ratio": round(factor, 2)
    }
    report.rows.append(
        (
            f"{channel} in {language}",
            f"{each['ours']:.0f} µs a message",
            f"Liquid alone: {each['liquid']:.0f} µs",
            f"{factor:.2f} ×",
        )
    )


def _bare(source: str) -> Callable[[dict[str, Any]], str]:
    env = type(environment("en", "text"))(undefined=environment("en", "text").undefined)
    env.filters["money"] = env.filters["date"] = lambda value, *_: value
    env.filters["plural"] = lambda _, **forms: forms["other"]
    parsed = env.from_string(source)
    return lambda values: parsed.render(values)


def _written(facts: Facts, language: str) -> dict[str, Any]:
    """The values as strings, as if somebody else had written them."""
    own = formats(language)

    def plain(value: Any) -> Any:
        if isinstance(value, Money):
            return own.money(value)
        if isinstance(value, date):
            return own.date(value)
        if isinstance(value, list):
            return [{key: plain(entry) for key, entry in item.items()} for item in value]
        return value

    return {name: plain(value) for name, value in template_values(facts, language).items()}


def _pictures(report: Report, facts: list[Facts]) -> None:
    artist = BillArtist()
    artist.warm()
    began = time.perf_counter()
    for one in facts[:PICTURES]:
        artist(one, "zh-CN", False)
    each = (time.perf_counter() - began) / PICTURES
    report.figures["bill picture"] = {"milliseconds": round(each * 1000, 2)}
    report.rows.append(("bill picture in zh-CN", f"{each * 1000:.1f} ms", "", ""))
