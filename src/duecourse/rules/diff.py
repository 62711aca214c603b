"""What changes between two packs: rules added and removed, tightened and loosened, and every parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .model import Pack, Rule
from .tightening import is_tighter

Kind = Literal["added", "removed", "tightened", "loosened", "changed"]


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """One key, by its path in the file, with what stood there; None for nothing."""

    key: str
    was: Any
    becomes: Any


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule. changed: neither side is stricter, or something beside the primitive's parameters differs."""

    rule: str
    kind: Kind
    changes: tuple[ParameterChange, ...] = ()


def diff_packs(old: Pack, new: Pack) -> list[RuleChange]:
    """Every rule that differs, in the order of the new pack, what is removed last."""
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    found = [
        RuleChange(rule_id, "added") if rule_id not in before else _compared(before[rule_id], rule)
        for rule_id, rule in after.items()
        if before.get(rule_id) != rule
    ]
    return found + [RuleChange(rule_id, "removed") for rule_id in before if rule_id not in after]


def _compared(old: Rule, new: Rule) -> RuleChange:
    was, becomes = flat(old), flat(new)
    changes = tuple(
        ParameterChange(key, was.get(key), becomes.get(key))
        for key in dict.fromkeys([*was, *becomes])
        if was.get(key) != becomes.get(key)
    )
    return RuleChange(old.id, _kind(old, new), changes)


def _kind(old: Rule, new: Rule) -> Kind:
    same_reach = old.model_copy(update=_without_reach(new)) == new
    if old.does == new.does or not same_reach:
        return "changed"
    if is_tighter(old.does, new.does):
        return "tightened"
    return "loosened" if is_tighter(new.does, old.does) else "changed"


def _without_reach(new: Rule) -> dict[str, Any]:
    """What may differ without changing whom a rule looks at and when."""
    return {"does": new.does, "says": new.says, "source": new.source, "level": new.level, "fact": new.fact}


def flat(rule: Rule) -> Mapping[str, Any]:
    """A rule's keys by their dotted path; lists stay whole."""
    return dict(_walk("", rule.model_dump(mode="json")))


def _walk(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            pair for key, each in value.items() for pair in _walk(f"{prefix}.{key}" if prefix else key, each)
        ]
    return [(prefix, value)]
