"""The packs in force: the shipped ones, and what a lender adds, tightens or turns on and off.

`load_packs` reads and checks all of them; `Packs.resolve` answers which rules look at a contact. Judging compiles that
answer once per process. Files are YAML: `packs/` of this room, and a lender's own (`lender.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.zones import zones_of_country

from .checking import check_pack, check_together
from .lender import LenderFile, apply
from .model import Action, Actor, AddressKind, AppliesTo, Level, Pack, Party, Rule, Status
from .reading import Document, read_document, read_text, validated, what_is_sound

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of a contact when rules are looked up. None: not known, or no such thing."""

    region: str | None
    purpose: Purpose
    channel: Channel
    actor: Actor = Actor.CREDITOR
    party: Party = Party.BORROWER
    product: str | None = None
    action: Action | None = None
    address_kind: AddressKind | None = None
    lender: frozenset[str] | None = None
    """Kinds of licence the lender holds; None: it has not said, and rules of every kind bind it."""
    provider: str | None = None


@dataclass(frozen=True)
class Packs:
    """All packs as they apply here, the lender's changes made. Frozen; look-ups by region are kept."""

    packs: tuple[Pack, ...]
    turned_on: frozenset[str] = frozenset()
    """Drafts that the lender chose to apply."""
    _by_region: dict[str | None, tuple[Rule, ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Every rule by its id."""
        return {rule.id: rule for pack in self.packs for rule in pack.rules}

    @cached_property
    def pack_of(self) -> Mapping[str, Pack]:
        """A rule's id to the pack it stands in."""
        return {rule.id: pack for pack in self.packs for rule in pack.rules}

    @cached_property
    def digests(self) -> Mapping[str, bytes]:
        """Pack to the SHA-256 of what it means here; comments and layout do not count."""
        return {pack.pack: pack_digest(pack) for pack in self.packs}

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over all packs and the drafts turned on: one value that names the whole set."""
        meaning = [*sorted((name, d.hex()) for name, d in self.digests.items()), sorted(self.turned_on)]
        return sha256(json.dumps(meaning).encode()).digest()

    def chain(self, region: str | None) -> tuple[str, ...]:
        """A region with every larger one around it, narrowest first, `*` last: US-NYC, US-NY, US, *."""
        chain: list[str] = []
        here = region
        while here and here not in chain:
            chain.append(here)
            here = self._within.get(here) or here.rpartition("-")[0]
        return (*chain, EVERYWHERE)

    @cached_property
    def _within(self) -> Mapping[str, str]:
        return {inner: outer for pack in self.packs for inner, outer in pack.within.items()}

    def knows(self, region: str) -> bool:
        """Whether any pack beside those for everywhere speaks of this region or of one around it."""
        return any(set(self.chain(region)[:-1]) & set(pack.regions) for pack in self.packs)

    def of_region(self, region: str | None) -> tuple[Rule, ...]:
        """Every rule of a region and of those around it, whatever its dates and status. Unknown: those of `*`."""
        if region not in self._by_region:
            chain = set(self.chain(region))
            self._by_region[region] = tuple(
                rule for pack in self.packs for rule in pack.rules if _holds_in(rule, pack, chain)
            )
        return self._by_region[region]

    def zones(self, region: str | None) -> tuple[str, ...]:
        """Where a recipient of this region may be, IANA names; empty when nothing is known of it.

        The narrowest region that a pack gives zones for; a country without a pack has all of its zones in tzdata.
        """
        for place in self.chain(region)[:-1]:
            for pack in self.packs:
                if place in pack.zones:
                    return pack.zones[place]
        return zones_of_country((region or "").partition("-")[0])

    def in_force(self, rule: Rule, on: date) -> bool:
        """Whether a rule holds on a day of the recipient's; a draft only where the lender turned it on."""
        return standing(rule, on) == "in force" or (
            rule.status is Status.DRAFT and rule.id in self.turned_on and _within_dates(rule, on)
        )

    def resolve(self, contact: Contact, *, on: date) -> tuple[Rule, ...]:
        """The rules that look at a contact on a day: all of them must allow it, so the strictest wins.

        Conventions that step back for a rule of the place (`fallback`) are left out where one applies. Of a region
        nobody knows only the rules for everywhere are given.
        """
        found = [
            rule
            for rule in self.of_region(contact.region)
            if self.in_force(rule, on) and looks_at(rule.applies_to, contact)
        ]
        return tuple(rule for rule in found if not (rule.fallback and _steps_back(rule, found)))


def resolve(
    packs: Packs,
    *,
    region: str | None,
    purpose: Purpose,
    channel: Channel,
    on: date,
    actor: Actor = Actor.CREDITOR,
    party: Party = Party.BORROWER,
    product: str | None = None,
    action: Action | None = None,
) -> tuple[Rule, ...]:
    """As Packs.resolve, with what is known of the contact as arguments."""
    return packs.resolve(Contact(region, purpose, channel, actor, party, product, action), on=on)


def looks_at(applies: AppliesTo, contact: Contact) -> bool:
    """Whether a rule's `applies_to` covers a contact, region and dates apart."""
    return (
        (not applies.purpose or contact.purpose in applies.purpose)
        and (not applies.channel or contact.channel in applies.channel)
        and (not applies.actor or contact.actor in applies.actor)
        and (not applies.party or contact.party in applies.party)
        and contact.party not in applies.except_party
        and (not applies.product or contact.product is None or contact.product in applies.product)
        and (not applies.action or contact.action in applies.action)
        and (not applies.address_kind or _address_kind(contact) in applies.address_kind)
        and (not applies.lender or contact.lender is None or bool(contact.lender & set(applies.lender)))
        and (not applies.provider or contact.provider in applies.provider)
    )


def _address_kind(contact: Contact) -> AddressKind:
    """The kind of the address; unknown, the ordinary one of the channel."""
    if contact.address_kind:
        return contact.address_kind
    return "mobile" if contact.channel in (Channel.SMS, Channel.VOICE) else "home"


def _steps_back(fallback: Rule, applying: Iterable[Rule]) -> bool:
    return any(displaces(rule, fallback) for rule in applying)


def displaces(rule: Rule, fallback: Rule) -> bool:
    """Whether a convention steps back for this rule, given that both look at the same contact.

    A rule from general knowledge and a draft do not displace one: both hold then, which is the stricter side.
    """
    if rule.fallback or rule.does.primitive != fallback.does.primitive:
        return False
    if rule.level in (Level.K, Level.DRAFT) or rule.status is Status.DRAFT:
        return False
    return rule.does.primitive != "P2" or rule.does.per in ("person", "debt")


def standing(rule: Rule, on: date) -> str:
    """'in force', 'draft', 'to come' or 'superseded' on a day."""
    if rule.status is not Status.IN_FORCE:
        return str(rule.status)
    if rule.effective_from and on < rule.effective_from:
        return "to come"
    return "in force" if _within_dates(rule, on) else "superseded"


def _within_dates(rule: Rule, on: date) -> bool:
    return (rule.effective_from is None or rule.effective_from <= on) and (
        rule.effective_to is None or on <= rule.effective_to
    )


def _holds_in(rule: Rule, pack: Pack, chain: set[str]) -> bool:
    if chain & set(rule.except_regions):
        return False
    return rule.region in chain if rule.region else bool(chain & set(pack.regions))


def pack_digest(pack: Pack) -> bytes:
    """SHA-256 of what a pack means; comments, layout and what is left as it is by default do not count.

    So a key that a later version of this program adds changes no digest.
    """
    meaning = pack.model_dump(mode="json", exclude_defaults=True)
    return sha256(json.dumps(meaning, sort_keys=True, ensure_ascii=False).encode()).digest()


@cache
def shipped_packs() -> tuple[Pack, ...]:
    """The packs of this version, by name. Raises DuecourseError with every fault."""
    faults: list[Problem] = []
    read: list[tuple[Pack, Document]] = []
    folder = files(__package__).joinpath("packs")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            document = read_text(file.read_text("utf-8"), file.name, faults)
            pack = validated(Pack, document.content, document, faults) if document else None
            if pack and document:
                check_pack(pack, document, faults)
                read.append((pack, document))
    check_together(read, (), faults)
    if faults:
        raise DuecourseError(faults)
    return tuple(pack for pack, _ in read)


def load_packs(extra: Sequence[Path] = ()) -> Packs:
    """The shipped packs with a lender's files put over them, in the order given.

    Raises DuecourseError with every fault of every file: R001-R014, see docs/reference/errors/rules.md.
    """
    faults: list[Problem] = []
    packs = with_files(Packs(shipped_packs()), extra, faults)
    if faults:
        raise DuecourseError(sorted(faults, key=_by_file_and_line))
    return packs


def _by_file_and_line(fault: Problem) -> tuple[str, int]:
    file, _, line = fault.where.partition(" ")[0].rpartition(":")
    return (file, int(line)) if line.isdigit() else (fault.where, 0)


def with_files(packs: Packs, extra: Sequence[Path], faults: list[Problem]) -> Packs:
    """As load_packs, adding to `faults` and going on: what is faulty is left out."""
    read = list(_lender_files(extra, faults))
    check_together([(file.as_pack(), document) for file, document in read], packs.packs, faults)
    shipped, turned_on = packs.packs, set(packs.turned_on)
    for file, document in read:
        shipped, turned_on = apply(file, document, shipped, turned_on, faults)
    return Packs(shipped, frozenset(turned_on))


def _lender_files(paths: Iterable[Path], faults: list[Problem]) -> Iterator[tuple[LenderFile, Document]]:
    for path in paths:
        document = read_document(path, faults)
        if document is None:
            continue
        file = validated(LenderFile, document.content, document, faults)
        if file is None:
            content, document = what_is_sound(LenderFile, document)
            file = LenderFile.model_validate({"pack": "unnamed", "version": 1} | content)
        check_pack(file.as_pack(), document, faults)
        yield file, document


def read_pack(path: Path) -> Pack:
    """The rules of one file, a lender's or a pack's, alone. Raises DuecourseError with every fault of it."""
    faults: list[Problem] = []
    read = list(_lender_files([path], faults))
    if faults:
        raise DuecourseError(faults)
    return read[0][0].as_pack()


def lender_files(folder: Path) -> tuple[Path, ...]:
    """The rule files of a folder, by name; none when there is no such folder."""
    return tuple(sorted(folder.glob("*.yaml"))) if folder.is_dir() else ()
