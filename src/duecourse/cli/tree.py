"""The commands by name, each read when it is asked for: to read them all takes longer than most of them run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

PLACES: Final[Mapping[str, str]] = {
    "init": "init:init",
    "schedule": "schedule:schedule",
    "audit": "audit:audit",
    "plan": "plan:plan",
    "work": "work:work",
    "serve": "serve:serve",
    "run": "replay:run",
    "stop": "brake:stop",
    "resume": "brake:resume",
    "correct": "batch:correct",
    "status": "status:status",
    "sandbox": "sandbox:sandbox",
    "demo": "demo.week:demo",
    "book": "book:app",
    "payment": "payment:app",
    "event": "event:app",
    "policy": "policy:app",
    "template": "template:app",
    "rules": "rules:app",
    "api-key": "api_key:app",
    "batch": "batch:app",
    "borrower": "show:borrower_app",
    "contact-point": "contact_point:app",
    "message": "show:message_app",
    "consent": "consent:app",
    "hold": "hold:app",
    "preference": "preference:app",
    "suppression": "suppression:app",
    "contact": "contact:app",
    "notice": "notice:app",
    "provider": "provider:app",
    "gateway": "gateway:app",
    "registration": "registration:app",
    "carrier": "carrier:app",
    "permit": "permit:app",
    "inbox": "inbox:app",
    "task": "task:app",
    "response": "response:app",
    "arrangement": "arrangement:arrangement_app",
    "retention": "retention:app",
    "keys": "keys:app",
    "letter": "letter:app",
    "wechat": "wechat:app",
    "link": "link:app",
    "certificate": "certificate:app",
}
"""Module and name in it, of commands and of groups of commands, in the order of --help."""

UNDER: Final[Mapping[str, Mapping[str, str]]] = {
    "book": {
        "cash": "cash:cash",
        "buckets": "cash:buckets",
        "allot": "due_days:allot",
        "move-due-day": "due_days:move_due_day",
        "recompute-dates": "due_days:recompute_dates",
        "pause": "due_days:pause",
        "differences": "differences:differences",
    },
    "rules": {"judge": "judge:judge", "explain": "judge:explain"},
    "borrower": {"merge": "merge:merge"},
    "response": {"evaluate": "understanding:evaluate", "try": "understanding:try_"},
    "arrangement": {"quote": "quote:quote"},
}
"""Commands of a group that stand in another module than the group."""


class CommandTree(TyperGroup):
    """A group whose commands are those of PLACES."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": {}})
        self.commands = _Commands()  # type: ignore[assignment]  # of the whole nobody adds or takes away any


class _Commands(Mapping[str, Any]):
    """The commands by name; to know the names reads nothing."""

    def __getitem__(self, name: str) -> Any:
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


@cache
def _command(name: str) -> Any:
    """A command, or a group with all that is under it. Raises KeyError for an unknown one."""
    found = _found(PLACES[name])
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if isinstance(found, typer.Typer):
        for word, place in UNDER.get(name, {}).items():
            found.command(word)(_found(place))
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return typer.main.get_group(alone).commands[name]


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f".{module}", __package__), name)
