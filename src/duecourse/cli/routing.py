"""The keys of providers.toml that say when a provider is chosen, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from duecourse.dispatch.carriers import CARRIERS
from duecourse.dispatch.lines import Routing
from duecourse.dispatch.registry import KINDS
from duecourse.domain.problems import Problem

NEEDS: Mapping[str, tuple[str, ...]] = {
    "sms.aliyun": ("signature", "template"),
    "sms.tencent": ("signature", "template"),
    "wechat.service": ("template",),
}
"""What kinds of providers send only their own approved copy of, unless needs_registration says otherwise."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\s,{}\"\\]+$")]


class RoutingKeys(BaseModel):
    """As they are written. All of them have defaults."""

    model_config = ConfigDict(extra="forbid", strict=True)

    weight: int = Field(default=1, ge=0, le=1_000_000)
    priority: int = Field(default=1, ge=1, le=99)
    backup: bool = False
    carriers: list[Word] | None = None
    regions: list[Word] | None = None
    rate_per_second: int | None = Field(default=None, ge=1, le=1_000_000)
    rate_per_sender: int | None = Field(default=None, ge=1, le=1_000_000)
    senders: list[Word] = []
    needs_registration: list[Word] | None = None
    slow_seconds: float = Field(default=3.0, gt=0)


def take_routing(config: dict[str, Any], name: str, kind: str) -> tuple[Routing, list[Problem]]:
    """Take the keys out of a provider's entry; the rest is the adapter's. Problems D140, one for each fault."""
    given = {key: config.pop(key) for key in list(config) if key in RoutingKeys.model_fields}
    where = f"provider {name}"
    try:
        keys = RoutingKeys(**given)
    except ValidationError as error:
        return Routing(), [
            Problem("D140", f"{where}, {'.'.join(map(str, each['loc']))}", f"{each['msg']}.")
            for each in error.errors(include_input=False, include_context=False, include_url=False)
        ]
    problems = [
        Problem("D140", f"{where}, {key}", f"'{one}' is unknown; known: {', '.join(known)}.")
        for key, words, known in (
            ("carriers", keys.carriers or [], sorted(CARRIERS)),
            ("needs_registration", keys.needs_registration or [], KINDS),
        )
        for one in words
        if one not in known and not (key == "carriers" and one[:1] == "=")
    ]
    if keys.backup and "priority" in given:
        problems.append(Problem("D140", f"{where}, backup", "says what priority says: leave one of them out"))
    if keys.rate_per_sender and not keys.senders:
        problems.append(Problem("D140", f"{where}, rate_per_sender", "needs senders to be listed"))
    needs = NEEDS.get(kind, ()) if keys.needs_registration is None else keys.needs_registration
    return Routing(
        weight=keys.weight,
        tier=2 if keys.backup else keys.priority,
        carriers=tuple(keys.carriers) if keys.carriers is not None else None,
        regions=tuple(keys.regions) if keys.regions is not None else None,
        rate_per_second=keys.rate_per_second,
        rate_per_sender=keys.rate_per_sender,
        senders=tuple(keys.senders),
        needs=tuple(needs),
        slow_seconds=keys.slow_seconds,
    ), problems
