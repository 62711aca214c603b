"""One text of a template, checked for the steps that use it: the words and the Liquid of every part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from liquid import BoundTemplate, RenderContext
from liquid.builtin.expressions import FilteredExpression, KeywordArgument
from liquid.exceptions import LiquidError

from duecourse.domain.messaging import Channel, Purpose
from duecourse.policy.model import Policy, Step
from duecourse.policy.reading import Faults, did_you_mean
from duecourse.policy.templates import PLAIN, WECHAT, TemplateText

from .check_samples import check_samples
from .formats import formats
from .liquid_env import FILTERS, environment
from .making import OWN_LINK, SHIPPED, pieces
from .refusals import OFFERING_NOTHING, amount_in, offers_in, overdue_words
from .shipped import debt_words
from .variables import EVERY_VARIABLE, ITEM_VARIABLES, VARIABLES, Variable, variables_of
from .wechat_fields import FIELD_TYPES, field_type

_SEEN: Final = {
    "subject": ("P210", "a lock screen shows the subject"),
    "push.title": ("P223", "a lock screen shows a push"),
    "push.body": ("P223", "a lock screen shows a push"),
}
_HEARD: Final = {
    "voice.greeting": (("name", "creditor", "contact_phone"), "whoever answers hears the greeting"),
    "voice.voicemail": (("creditor", "contact_phone"), "anybody may hear a voicemail"),
}
"""What may be named before the right party is known."""
_TO_ANYBODY: Final = ("creditor", "contact_phone", "code")
"""What may be named at an address that nobody has shown to be theirs yet."""
_LITERAL: Final = ("link", "picture")
_TAGS: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_FORMS: Final = ("zero", "one", "two", "few", "many", "other")


def check_text(
    policy: Policy, text: TemplateText, uses: Sequence[Step], faults: Faults, public_url: str = ""
) -> None:
    """Add every fault of one text, and warnings of what is worth a look. public_url: what links begin with."""
    channels = list(dict.fromkeys(channel for step in uses for channel in step.route))
    before = len(faults.problems)
    for channel in channels:
        _check_parts(policy, text, channel, uses, faults)
    # Without the telephone every sample of a call would fail for the same reason.
    sound = all(problem.code != "P211" for problem in faults.problems[before:])
    for part, source in text.parts.items():
        if part in _LITERAL:
            _check_literal(text, part, source, uses, faults)
            continue
        sound = _check_words(uses, text, part, source, faults) and sound
        sound = _check_liquid(policy, uses, text, part, source, faults) and sound
    if sound:
        check_samples(policy, text, uses, channels, faults, public_url)


def _check_parts(
    policy: Policy, text: TemplateText, channel: Channel, uses: Sequence[Step], faults: Faults
) -> None:
    """What a channel cannot do without (P203), and the telephone that our own words need (P211)."""
    made, missing = pieces(text, channel)
    steps = ", ".join(step.id for step in uses if channel in step.route)
    for lacks in missing:
        message = f"part '{lacks.part}' is missing; {steps} go by {channel}: {lacks.why}"
        faults.add("P203", text.where(), message)
    if not _has_phone(policy):
        for piece in made:
            if piece.part.startswith(SHIPPED) and "contact_phone" in piece.source:
                message = f"our {piece.output} says contact_phone, but a creditor of the policy has none"
                faults.add("P211", text.where(), message)


def _check_literal(text: TemplateText, part: str, source: str, uses: Sequence[Step], faults: Faults) -> None:
    where = text.where(part)
    told = [step.id for step in uses if step.on]
    if part == "picture" and told:
        faults.add("P455", where, f"picture: the bill shows installments, and {told[0]} tells of an event")
    if part == "picture" and source != "bill":
        faults.add("P226", where, f"picture '{source}' is unknown; known: bill")
    if part == "link" and not OWN_LINK.match(source):
        link = urlsplit(source)
        if link.scheme != "https" or not link.hostname or "{" in source or source.split() != [source]:
            own = "or {{ link }}, the borrower's own page"
            faults.add("P225", where, f"a link is an https address, the same for everybody, {own}")


def _check_words(uses: Sequence[Step], text: TemplateText, part: str, source: str, faults: Faults) -> bool:
    """Words that must not stand in a part, whatever branch of the Liquid they are in (P208, P210, P220, P223)."""
    base = part.removeprefix(PLAIN)
    words = overdue_words(source)
    if base in _SEEN:
        code, place = _SEEN[base]
        for word in words:
            faults.add(code, text.where(part, _line_of(source, word)), f"{place}, which says '{word}'")
        if base != "subject" and amount_in(_without_tags(source)):
            faults.add(code, text.where(part), f"{place}, which shows an amount")
        return not words
    if base in _HEARD:
        told = list(dict.fromkeys([*words, *debt_words(_without_tags(source))]))
        for word in told:
            message = f"{_HEARD[base][1]}, which says '{word}'"
            faults.add("P220", text.where(part, _line_of(source, word)), message)
        if amount_in(_without_tags(source)):
            faults.add("P220", text.where(part), f"{_HEARD[base][1]}, which shows an amount")
        return not told
    thanks = [step.id for step in uses if step.purpose in OFFERING_NOTHING]
    offers = offers_in(_without_tags(source)) if thanks else []
    for word in offers:
        message = f"a confirmation or notice ({', '.join(thanks)}) offers something: '{word}'"
        faults.add("P456", text.where(part, _line_of(source, word)), message)
    if offers:
        return False
    reminders = [step.id for step in uses if step.purpose is Purpose.REMINDER]
    if not reminders:
        return True
    for word in words:
        where = text.where(part, _line_of(source, word))
        message = f"a reminder ({', '.join(reminders)}) says '{word}'; within grace nothing is late"
        faults.add("P208", where, message)
    return not words


def _check_liquid(
    policy: Policy, uses: Sequence[Step], text: TemplateText, part: str, source: str, faults: Faults
) -> bool:
    """Syntax, variables, filters, plurals (P204 to P206, P210, P211, P216, P220 to P223, P455); whether all is well."""
    try:
        parsed = environment(text.language, "text").parse_source(source)
    except LiquidError as error:
        faults.add("P204", text.where(part, _error_line(error, source)), f"not Liquid: {error.args[0]}")
        return False
    before = len(faults.problems)
    common = _common_variables(uses)
    for name, known, index in unknown_variables(parsed, common):
        elsewhere = name in EVERY_VARIABLE and name not in common
        spoken = sorted({step.on or "an installment" for step in uses})
        message = (
            f"variable '{name}' is not known of {' and '.join(spoken)}; known: {', '.join(known)}"
            if elsewhere
            else f"variable '{name}' is unknown; {did_you_mean(name, known)}"
        )
        faults.add("P455" if elsewhere else "P205", text.where(part, _line_at(source, index)), message)
    analysis = parsed.analyze()
    for name, spans in analysis.filters.items():
        if name not in FILTERS:
            message = f"filter '{name}' is unknown; {did_you_mean(name, FILTERS)}"
            faults.add("P206", text.where(part, _line_at(source, spans[0].index)), message)
    for name, found in analysis.globals.items():
        _check_variable(policy, text, part, name, _line_at(source, found[0].span.index), faults)
    if text.template == policy.verify_address and part in ("sms", "email") and "code" not in analysis.globals:
        faults.add("P203", text.where(part), "does not say {{ code }}, by which a new address is verified")
    for message, index in _plural_faults(parsed, text.language):
        faults.add("P221", text.where(part, _line_at(source, index)), message)
    keyword = part.removeprefix(WECHAT)
    if part.startswith(WECHAT) and field_type(keyword) is None:
        known_types = did_you_mean(keyword, [f"{kind}1" for kind in FIELD_TYPES])
        faults.add("P222", text.where(part), f"'{keyword}' is no field of WeChat's; {known_types}")
    return len(faults.problems) == before


def _check_variable(
    policy: Policy, text: TemplateText, part: str, name: str, line: int, faults: Faults
) -> None:
    """Whether a variable may stand in a part, and whether the policy has what it needs."""
    base, where = part.removeprefix(PLAIN), text.where(part, line)
    if base in _SEEN and name in EVERY_VARIABLE and not EVERY_VARIABLE[name].in_subject:
        code, place = _SEEN[base]
        faults.add(code, where, f"{place}: '{name}' may not stand there")
    if base in _HEARD and name in EVERY_VARIABLE and name not in _HEARD[base][0]:
        faults.add("P220", where, f"{_HEARD[base][1]}: '{name}' may not stand there")
    if text.template == policy.verify_address and name in EVERY_VARIABLE and name not in _TO_ANYBODY:
        faults.add("P220", where, f"a new address may be anybody's: '{name}' may not stand there")
    if name == "contact_phone" and not _has_phone(policy):
        faults.add("P211", where, "contact_phone is used, but a creditor of the policy has none")
    if name in ("product", "items"):
        _check_products(policy, name, where, text.parts[part], faults)


def _common_variables(uses: Sequence[Step]) -> Mapping[str, Variable]:
    """What a text may say in every step that uses it."""
    known = [variables_of(step.on) for step in uses] or [VARIABLES]
    return {name: one for name, one in known[0].items() if all(name in other for other in known)}


def unknown_variables(
    parsed: BoundTemplate, variables: Mapping[str, Variable] = VARIABLES
) -> Iterator[tuple[str, list[str], int]]:
    """Each name that is no variable, what is known in its place, and where it stands."""
    analysis = parsed.analyze()
    for root, uses in analysis.variables.items():
        for use in uses:
            tail = [segment for segment in use.segments[1:] if isinstance(segment, str)]
            if root in analysis.globals and root not in variables:
                yield root, list(variables), use.span.index
            elif root in analysis.globals and root != "items" and tail:
                yield str(use), list(variables), use.span.index
            elif root not in ("forloop", *analysis.locals) and tail:
                entry = [segment for segment in tail if segment not in ("first", "last", "size")]
                if entry and (len(entry) > 1 or entry[0] not in ITEM_VARIABLES):
                    yield str(use), [f"{root}.{key}" for key in ITEM_VARIABLES], use.span.index


def _plural_faults(parsed: BoundTemplate, language: str) -> Iterator[tuple[str, int]]:
    """Forms of `plural` that the language needs and the text lacks, or that no language has."""
    needed = formats(language).categories()
    for expression in _expressions(parsed):
        for called in expression.filters or ():
            if called.name != "plural":
                continue
            given = {each.name for each in called.args if isinstance(each, KeywordArgument)}
            lacking = sorted(needed - given, key=_FORMS.index)
            if lacking:
                counts = ", ".join(f"{form} ({_counts_of(language, form)})" for form in lacking)
                yield f"plural lacks what {language} needs: {counts}", called.token.start_index
            for form in sorted(given - set(_FORMS)):
                yield (
                    f"plural: form '{form}' is unknown; {did_you_mean(form, _FORMS)}",
                    called.token.start_index,
                )


def _counts_of(language: str, form: str) -> str:
    """The first counts that take a form: 3, 4, 5."""
    locale = formats(language).locale
    counts = [str(count) for count in range(1001) if locale.plural_form(count) == form]
    return ", ".join(counts[:3])


def _expressions(parsed: BoundTemplate) -> Iterator[FilteredExpression]:
    nodes = list(parsed.nodes)
    context = RenderContext(parsed)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(context))
        for expression in node.expressions():
            if isinstance(expression, FilteredExpression):
                yield expression


def _check_products(policy: Policy, name: str, where: str, source: str, faults: Faults) -> None:
    if name == "items" and ".product" not in source:
        return
    named = policy.wording.products
    for test in policy.applies_to.tests:
        for product in test.any_of if test.field == "product" else ():
            if product not in named:
                faults.add(
                    "P216", where, f"the text says the product, but products has no name for '{product}'"
                )


def _has_phone(policy: Policy) -> bool:
    creditors = policy.wording.creditors.values()
    return bool(creditors) and all(creditor.contact_phone for creditor in creditors)


def _without_tags(source: str) -> str:
    return _TAGS.sub(" ", source)


def _line_at(source: str, index: int) -> int:
    return source.count("\n", 0, max(index, 0)) + 1


def _line_of(source: str, word: str) -> int:
    return _line_at(source, source.lower().find(word))


def _error_line(error: LiquidError, source: str) -> int:
    context = error.context()
    return context[0] if context else source.count("\n") + 1
