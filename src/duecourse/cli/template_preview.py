"""`duecourse template preview`: what a borrower would get, on each channel as it looks or sounds there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from babel import Locale
from babel.core import get_global
from phonenumbers import country_code_for_region
from rich.panel import Panel
from rich.text import Text

from duecourse.content.bill import BillArtist
from duecourse.content.making import SHIPPED, Piece, can_say, pieces
from duecourse.content.refusals import PUSHED, refusals
from duecourse.content.render import Renderer
from duecourse.content.rendered import Rendered
from duecourse.content.sms_cost import Prices, read_prices
from duecourse.content.sms_text import is_gsm
from duecourse.content.variables import Facts
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import Policy, Step
from duecourse.policy.reading import Faults
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

from .context import Context, context
from .screen import print_json
from .template_facts import About, borrower_key, one_of_the_book, somebody
from .template_files import Shown, channel_of, write_file
from .template_sources import Source, published_source, source_of
from .words import listed, say, word

_SAMPLE_DAY = datetime(2026, 3, 3, 2, tzinfo=UTC)
"""When a made-up borrower is written to: a week before the samples' due day."""
LOCK_SCREEN_CELLS = 40
LOCK_SCREEN_LINES = 4
"""How much of a push most telephones show before it is opened."""


PricesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Prices of SMS. Default: prices.toml in DUECOURSE_HOME, if it is there.",
    ),
]
OutOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write it to a file: .txt, .html, .png, .pdf or .wav.", dir_okay=False),
]
PolicyOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", exists=True, dir_okay=False, help="The policy that uses it."),
]


def preview(
    template: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE", help="A template's file, or the name of one: of --policy, else published."
        ),
    ],
    channel: Annotated[
        list[Channel] | None, typer.Option(help="Only on this channel; may stand several times.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="In this language. Default: the file's, or the borrower's.")
    ] = None,
    borrower: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="For this borrower of the book; else for somebody made up."),
    ] = None,
    loan: Annotated[
        str | None,
        typer.Option(metavar="REF", help="For this loan of the book, by the lender's contract key."),
    ] = None,
    policy: PolicyOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="In large type and plain words, whatever the borrower wishes.")
    ] = False,
    out: OutOption = None,
    prices: PricesOption = None,
    provider: Annotated[str, typer.Option(help="The provider whose SMS prices count.")] = "",
    to: Annotated[
        str,
        typer.Option(metavar="PREFIX", help="The country an SMS goes to, e.g. +86. Default: the borrower's."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Show a template as a borrower gets it: SMS with parts and cost, a push on its lock screen, what a call says.

    Examples: duecourse template preview examples/consumer-lender/templates/due-soon.zh-CN.yaml;
    duecourse template preview due-soon --channel email --borrower C00042 --out mail.html
    """
    here = context()
    source, name = _source(here, template, policy)
    wanted = language or (source.chosen.language if source.chosen else None)
    using = source.using(wanted or source.templates.languages(name)[0])
    step = next(using.uses_of(name))
    key = borrower_key(here, borrower, loan)
    about = (
        somebody(using, step, wanted or source.templates.languages(name)[0], here.settings.public_url)
        if key is None
        else one_of_the_book(here, key, loan, using, step)
    )
    text = _text(using, source, name, wanted or about.language)
    channels = channel or _channels(text, out)
    costs = read_prices(prices or here.settings.home / "prices.toml")
    shown = [_rendered(source, text, each, about, plain=plain or about.large) for each in channels]
    number = to or _country(about.region or text.language)
    if out is not None:
        size = _to_file(out, shown, about.facts, here.now() if key else _SAMPLE_DAY)
        if not as_json:
            here.console.print(say("{file}: {size} bytes written", file=out, size=size), highlight=False)
            return
    if as_json:
        rows = [_row(text, one, costs, number, provider, step) for one in shown]
        print_json(here.console, {"template": name, "language": text.language, "previews": rows})
        return
    for one in shown:
        _print(here, text, one, costs, number, provider)
        for fault in refusals(one, step.purpose, name=about.facts.name):
            line = say("it would be refused: {why}", why=fault.reason)
            here.console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def _to_file(out: Path, shown: Sequence[Rendered], facts: Facts, at: datetime) -> int:
    """Write the one channel shown; returns octets. Raises DuecourseError P413 for several."""
    if len(shown) != 1:
        message = f"one channel fits into {out.name}; say which with --channel"
        raise DuecourseError(Problem("P413", "--out", message, "Nothing was written."), exit_code=2)
    return write_file(out, Shown(shown[0], facts, at))


def _source(here: Context, template: str, policy: Path | None) -> tuple[Source, str]:
    """The templates and the name of the one meant. Raises DuecourseError with the faults of the files."""
    faults = Faults()
    path = Path(template)
    if path.is_file():
        source = source_of(path, policy, faults)
        if source.chosen is not None and not faults.problems:
            return source, source.chosen.template
        if not faults.problems:
            faults.add("P415", template, "this file is no template: <template>.<language>.yaml")
    elif policy is not None:
        source = source_of(policy, policy, faults)
        if template not in source.templates.names():
            known = ", ".join(source.templates.names()) or "none"
            faults.add(
                "P415", str(policy), f"no template '{template}' stands beside the policy; known: {known}"
            )
        if not faults.problems:
            return source, template
    else:
        return published_source(here, template), template
    raise DuecourseError(faults.problems)


def _text(using: Policy, source: Source, name: str, language: str) -> TemplateText:
    """The text in a language or its declared fallback. Raises DuecourseError P401."""
    written = using.wording.languages.written(language, source.templates.languages(name))
    text = source.templates.get(name, written or language)
    if text is None:
        known = ", ".join(source.templates.languages(name))
        message = f"it has no text in {language}; its languages: {known}"
        raise DuecourseError(Problem("P401", f"template {name}", message))
    return text


def _channels(text: TemplateText, out: Path | None) -> Sequence[Channel]:
    suggested = channel_of(out) if out else None
    return [suggested] if suggested else can_say(text)


def _rendered(source: Source, text: TemplateText, channel: Channel, about: About, *, plain: bool) -> Rendered:
    ref = TemplateRef(text.template, 0)
    return Renderer({ref: source.templates.of(text.template)}, draw=BillArtist()).render(
        text.template, 0, text.language, channel, about.facts, plain=plain
    )


def _country(region_or_language: str) -> str:
    """The calling code of an ISO 3166 region, or of the country where a language is most spoken; '' for none."""
    territory = region_or_language.partition("-")[0]
    if not territory.isupper():
        locale = Locale.parse(region_or_language, sep="-")
        likely = str(get_global("likely_subtags").get(locale.language, ""))
        territory = locale.territory or likely.rpartition("_")[2]
    code = country_code_for_region(territory)
    return f"+{code}" if code else ""


def _cost(one: Rendered, prices: Prices, number: str, provider: str) -> dict[str, Any]:
    """Parts, characters and alphabet of an SMS, and what it costs where a price is known."""
    price = prices.of(number, provider) if number else None
    return {
        "parts": one.parts,
        "characters": len(one.text),
        "alphabet": "GSM-7" if is_gsm(one.text) else "UCS-2",
        "to": number,
        "cost": None if price is None else str(price.per_part * one.parts),
        "currency": None if price is None else price.currency,
    }


def _row(
    text: TemplateText, one: Rendered, prices: Prices, number: str, provider: str, step: Step
) -> dict[str, Any]:
    """A preview as JSON; what the channel does not carry is left out."""
    made = pieces(text, Channel(one.channel), plain=one.large)[0]
    row: dict[str, Any] = {
        "channel": str(one.channel),
        "purpose": step.purpose.value,
        "text": one.text,
        "subject": one.subject,
        "html": one.html,
        "link": one.link,
        "fields": dict(one.fields),
        "values": dict(one.values),
        "large": one.large,
        "attachments": [
            {"name": each.name, "media_type": each.media_type, "bytes": len(each.content)}
            for each in one.attachments
        ],
        "made_of": {piece.output: piece.part for piece in made},
    }
    if one.script:
        row["script"] = {
            "greeting": one.script.greeting,
            "notice": one.script.notice,
            "voicemail": one.script.voicemail,
            "keys": one.script.repeat,
        }
    if one.channel == Channel.SMS:
        row["sms"] = _cost(one, prices, number, provider)
    return {key: value for key, value in row.items() if value not in ("", {}, [])}


def _print(
    here: Context, text: TemplateText, one: Rendered, prices: Prices, number: str, provider: str
) -> None:
    """One channel, under a heading."""
    made = pieces(text, Channel(one.channel), plain=one.large)[0]
    console = here.console
    console.rule(listed([f"{text.template} {text.language}", word("channel", one.channel)]), align="left")
    if one.channel == Channel.SMS:
        console.print(one.text, markup=False, highlight=False, soft_wrap=True)
        console.print(_sms_line(_cost(one, prices, number, provider)), style="dim", highlight=False)
    elif one.channel in PUSHED:
        console.print(_lock_screen(one))
    elif one.script:
        for label, said in (
            (say("Whoever answers hears"), one.script.greeting),
            (say("After the right person has confirmed"), one.script.notice),
            (say("Then the keys"), one.script.repeat),
            (say("A machine hears"), one.script.voicemail),
        ):
            console.print(label, style="bold")
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    elif one.fields:
        for keyword, value in one.fields:
            console.print(f"{keyword}: {value}", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(one.subject, style="bold", markup=False, highlight=False)
        console.print(one.text, markup=False, highlight=False, soft_wrap=True)
    for each in one.attachments:
        console.print(
            say("attached: {name}, {size} bytes", name=each.name, size=len(each.content)), style="dim"
        )
    if one.link:
        console.print(say("opens {link}", link=one.link), style="dim", highlight=False)
    for line in _origins(made):
        console.print(line, style="dim", highlight=False)


def _sms_line(cost: dict[str, Any]) -> str:
    said = say(
        "{parts} SMS parts, {characters} characters, {alphabet}",
        parts=cost["parts"],
        characters=cost["characters"],
        alphabet=cost["alphabet"],
    )
    if cost["cost"] is None:
        return said
    price = say("{cost} {currency} to {to}", cost=cost["cost"], currency=cost["currency"], to=cost["to"])
    return listed([said, price])


def _lock_screen(one: Rendered) -> Panel:
    """A push as most telephones show it: one line of title, four of body."""
    body = Text(one.text)
    lines = body.wrap(context().console, LOCK_SCREEN_CELLS)
    shown = Text("\n").join(lines[:LOCK_SCREEN_LINES])
    if len(lines) > LOCK_SCREEN_LINES:
        shown.append("…")
    title = Text(one.subject, style="bold")
    title.truncate(LOCK_SCREEN_CELLS, overflow="ellipsis")
    return Panel(Text("\n").join([title, shown]), width=LOCK_SCREEN_CELLS + 4, title=say("lock screen"))


def _origins(made: Sequence[Piece]) -> list[str]:
    """What was not written for the channel itself."""
    lines = []
    for piece in made:
        if piece.part.startswith(SHIPPED):
            lines.append(say("{output}: ours, for want of a part", output=word("output", piece.output)))
        elif piece.derived:
            lines.append(
                say("{output}: made of {part}", output=word("output", piece.output), part=piece.part)
            )
    return lines
