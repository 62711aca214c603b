"""The Liquid that templates are written in: strict, bounded, and with words for money, dates and counts.

python-liquid reads items of mappings only, never attributes; undefined names and unknown filters raise.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, ClassVar, Final, Literal, TypeAlias

from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import FilterArgumentError

from duecourse.domain.money import Money

from .formats import DATE_STYLES, formats

Kind: TypeAlias = Literal["text", "sms", "voice", "wechat", "html"]
"""Where a text will stand, which decides how its values are written; html escapes them."""

FILTERS: Final = {
    "money": "an amount in the message's language: ¥1,234.00",
    "date": "a date in the message's language: 3月10日; 'year' 2026年3月10日; 'weekday' 3月10日周二; 'iso' 2026-03-10",
    "plural": "the form for a count: {{ count | plural: one: 'payment', other: 'payments' }}",
    "size": "how many entries a list has, or characters a text",
    "minus": "a number less another",
    "plus": "a number and another",
}
"""Every filter a template may use. Liquid's many others are taken away: none is needed, each is a surface."""

TAGS: Final = ("if", "unless", "case", "for", "break", "continue", "assign", "comment", "#")
"""Every tag a template may use. No include or render: a text is read whole in one place."""


class TemplateEnvironment(Environment):
    """Limits far above any real message and far below harm."""

    block_nesting_limit = 8
    context_depth_limit = 12
    loop_iteration_limit: ClassVar[int | None] = 500
    local_namespace_limit: ClassVar[int | None] = 20_000
    output_stream_limit: ClassVar[int | None] = 100_000

    def parse_source(self, source: str) -> BoundTemplate:
        """A template ready to render. Raises LiquidError."""
        return self.from_string(source)


@cache
def environment(language: str, kind: Kind) -> TemplateEnvironment:
    """The environment of one language and kind of text."""
    env = TemplateEnvironment(undefined=StrictUndefined, autoescape=kind == "html")
    internal = {"content", "output", "illegal"}
    env.tags = {name: tag for name, tag in env.tags.items() if name in TAGS or name in internal}
    own = formats(language, "text" if kind == "html" else kind)

    def money(value: Any) -> str:
        if not isinstance(value, Money):
            raise FilterArgumentError("money: this is not an amount", token=None)
        return own.money(value)

    def day(value: Any, style: str = "day") -> str:
        if not isinstance(value, date):
            raise FilterArgumentError("date: this is not a date", token=None)
        if style not in DATE_STYLES:
            known = ", ".join(DATE_STYLES)
            raise FilterArgumentError(f"date: style '{style}' is unknown; known: {known}", token=None)
        return own.date(value, style)

    def plural(value: Any, **forms: str) -> str:
        if not isinstance(value, int) or "other" not in forms:
            raise FilterArgumentError("plural: needs a count and at least the form 'other'", token=None)
        return own.plural(value, forms)

    env.filters = {name: function for name, function in env.filters.items() if name in FILTERS}
    env.filters |= {"money": money, "date": day, "plural": plural}
    return env
