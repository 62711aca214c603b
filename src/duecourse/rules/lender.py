"""A lender's own rule file: rules of its own, and what it changes in the shipped ones.

Binding rules can only become stricter; soft ones may be loosened or turned off; drafts may be turned on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from duecourse.domain.problems import Problem

from .checking import parameter_faults
from .model import Names, Pack, Primitive, RegionCode, Rule, RuleId, Status, Strict
from .reading import Document, did_you_mean, validated
from .tightening import is_tighter

OWN = Names(en="Rules of the lender's own", zh="贷款机构自有规则")


class LenderFile(Pack):
    """A pack, with changes to rules that stand in other packs."""

    names: Names = OWN
    regions: tuple[RegionCode, ...] = Field(default=("*",), min_length=1)
    tighten: dict[RuleId, dict[str, Any]] = Field(default_factory=dict)
    """Rule id to the parameters of its primitive that change. Binding rules only become stricter."""
    turn_on: tuple[RuleId, ...] = ()
    """Drafts that are applied from now on."""
    turn_off: tuple[RuleId, ...] = ()
    """Soft rules that are not applied."""

    def as_pack(self) -> Pack:
        """Its own rules alone."""
        return Pack.model_validate(self.model_dump(exclude={"tighten", "turn_on", "turn_off"}))


class _Changed(Strict):
    """Lets pydantic choose the primitive."""

    does: Primitive


def apply(
    file: LenderFile, document: Document, packs: Sequence[Pack], turned_on: set[str], faults: list[Problem]
) -> tuple[tuple[Pack, ...], set[str]]:
    """The packs with the file's changes made and its own rules added; what is refused becomes a fault and stays."""
    rules = {rule.id: rule for pack in packs for rule in pack.rules}
    changed: dict[str, Rule | None] = {}
    for rule_id, parameters in file.tighten.items():
        if rule := _known(rule_id, rules, document, faults, "tighten", rule_id):
            changed[rule_id] = _tightened(rule, parameters, document, faults)
    for index, rule_id in enumerate(file.turn_off):
        rule = _known(rule_id, rules, document, faults, "turn_off", index)
        if rule and rule.binding:
            where = document.where("turn_off", index)
            faults.append(Problem("R013", where, f"rule {rule_id} is binding and cannot be turned off"))
        elif rule:
            changed[rule_id] = None
    drafts = set(turned_on)
    for index, rule_id in enumerate(file.turn_on):
        rule = _known(rule_id, rules, document, faults, "turn_on", index)
        if rule and rule.status is not Status.DRAFT:
            message = f"rule {rule_id} is {rule.status}, not a draft"
            faults.append(Problem("R014", document.where("turn_on", index), message))
        elif rule:
            drafts.add(rule_id)
    own = file.as_pack()
    made = [_with_changes(pack, changed) for pack in packs]
    return (*made, *([own] if own.rules else [])), drafts


def _known(
    rule_id: str,
    rules: Mapping[str, Rule],
    document: Document,
    faults: list[Problem],
    *steps: str | int,
) -> Rule | None:
    if rule_id not in rules:
        message = f"rule {rule_id} is unknown; {did_you_mean(rule_id, rules)}"
        faults.append(Problem("R011", document.where(*steps), message))
    return rules.get(rule_id)


def _tightened(rule: Rule, parameters: Mapping[str, Any], document: Document, faults: list[Problem]) -> Rule:
    """The rule with other parameters; as it was, with a fault, when they are wrong or looser."""
    steps = ("tighten", rule.id)
    content = {**rule.does.model_dump(mode="json"), **parameters, "primitive": rule.does.primitive}
    new = validated(_Changed, {"does": content}, document, faults, steps)
    if new is None:
        return rule
    wrong = list(parameter_faults(new.does))
    if wrong:  # compared, an opening that ends before it begins would pass for one that never opens
        for code, key, message in wrong:
            faults.append(Problem(code, document.where(*steps, *key.split(".")[1:]), message))
        return rule
    if rule.binding and not is_tighter(rule.does, new.does):
        law = f"{rule.level}, {rule.source.instrument}"
        message = f"{', '.join(parameters)}: this loosens {rule.id}, which is binding ({law})"
        faults.append(Problem("R012", document.where(*steps), message, "The rule stays as it is."))
        return rule
    return rule.model_copy(update={"does": new.does})


def _with_changes(pack: Pack, changed: Mapping[str, Rule | None]) -> Pack:
    if not changed.keys() & {rule.id for rule in pack.rules}:
        return pack
    rules = (changed.get(rule.id, rule) for rule in pack.rules)
    return pack.model_copy(update={"rules": tuple(rule for rule in rules if rule)})
