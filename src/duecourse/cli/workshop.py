"""Wiring: policies, templates, desks and adapters out of a context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from psycopg import Connection

from duecourse.content.amounts import asks_for_picture, names_amount
from duecourse.content.bill import BillArtist
from duecourse.content.links import need_address, no_address
from duecourse.content.render import Renderer
from duecourse.dispatch.compose import Composer
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer
from duecourse.policy.model import Policy
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import (
    PublishedPolicy,
    TemplateRef,
    load_templates,
    policy_at,
    published_policies,
)
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor
from duecourse.rules.versions import record_packs
from duecourse.store.connect import end_reading
from duecourse.store.lease import LANES
from duecourse.store.lifeline import Lifeline
from duecourse.store.shards import Shard

from .context import Context


def plannables(conn: Connection, actor: str) -> list[Plannable]:
    """The policies in force. actor: as whom those speak that do not say.

    Raises DuecourseError D004 when none is published.
    """
    published = published_policies(conn)
    refs = {TemplateRef(*ref) for one in published for ref in one.template_versions.items()}
    silent = {ref for ref, texts in load_templates(conn, refs).items() if not names_amount(texts)}
    end_reading(conn)
    if not published:
        raise DuecourseError(
            Problem("D004", "policies", "none is published yet; run: duecourse policy publish FILE")
        )
    return [
        Plannable(
            one.model,
            one.version,
            one.template_versions,
            frozenset(name for name, version in one.template_versions.items() if (name, version) in silent),
            Actor(one.model.actor or actor),
        )
        for one in published
    ]


def confirmer(here: Context) -> Confirmer:
    """Who confirms words to stop, with a connection of its own."""
    line = here.lifeline()
    return Confirmer(here.packs, lambda: policies_in_force(line.conn, here.settings.actor))


def policies_in_force(conn: Connection, actor: str) -> list[Plannable]:
    """As plannables, and none where none is published."""
    try:
        return plannables(conn, actor)
    except DuecourseError:
        return []


def rules_that_judge(here: Context) -> RuleBook:
    """The rules compiled, and kept in the database first: a message names the set of rules that judged it."""
    with here.store.connect() as conn, conn.transaction():
        record_packs(conn, here.packs, now=here.now())
    return here.rules


def _need_no_address(
    policies: Sequence[PublishedPolicy], templates: Mapping[TemplateRef, Sequence[TemplateText]]
) -> None:
    """Raises DuecourseError P420 when a template in force needs a link: there is no public address."""
    needing = [
        name
        for one in policies
        for name, version in one.template_versions.items()
        if need_address(one.model, templates.get(TemplateRef(name, version), ()))
    ]
    if needing:
        raise DuecourseError(no_address(needing))


class Workshop:
    """Makes composers and desks that share what never changes and nothing else."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _in_force(self) -> tuple[Sequence[PublishedPolicy], Mapping[TemplateRef, Sequence[TemplateText]]]:
        """Policies in force and the texts of their templates, once for all composers."""
        with self._context.store.connect() as conn:
            policies = published_policies(conn)
            refs = [TemplateRef(*ref) for one in policies for ref in one.template_versions.items()]
            return policies, load_templates(conn, refs)

    def composer(self, line: Lifeline) -> Composer:
        """A composer that loads policy and template versions as messages name them.

        Raises DuecourseError P420 when one in force needs a link and this installation has no public address.
        """

        def read_policy(name: str, version: int) -> Policy:
            return policy_at(line.conn, name, version).model

        def read_templates(ref: TemplateRef) -> dict[TemplateRef, list[TemplateText]]:
            return load_templates(line.conn, [ref])

        artist = BillArtist()
        policies, texts_of = self._in_force
        if any(asks_for_picture(texts) for texts in texts_of.values()):
            artist.warm()
        links = self._context.links
        if not links.public_url:
            _need_no_address(policies, texts_of)
        return Composer(Renderer(draw=artist), read_policy, read_templates, links)

    def desks(
        self, switchboard: Switchboard, count: int, pace: Pace, tally: Tally, meters: Meters | None = None
    ) -> list[Desk]:
        """Desks with a connection each: on a single server so many, on a cluster one for each shard, connected once it
        has lanes. meters: of the process.
        """
        return [
            self._desk(switchboard, pace, tally, meters, shard) for shard in shared_out(self._context, count)
        ]

    def _desk(
        self, switchboard: Switchboard, pace: Pace, tally: Tally, meters: Meters | None, shard: Shard
    ) -> Desk:
        line = self._context.lifeline(shard=shard)
        return Desk(
            line,
            self._context.keyring,
            self.composer(line),
            switchboard,
            lender_zone=self._context.lender_zone,
            pace=pace,
            tally=tally,
            rules=self._context.rules,
            meters=meters,
            lanes=shard.lanes,
        )


def shared_out(here: Context, count: int) -> list[Shard]:
    """The lanes of each desk: of a cluster's shards; of a single server every count-th lane."""
    if len(here.shards) > 1 or here.shards[0].node:
        return here.shards
    return [Shard(place + 1, tuple(range(place, LANES, count))) for place in range(count)]


def share(epochs: dict[int, int], desks: Iterable[Desk]) -> None:
    """Divide lanes among desks: two desks never hold the same."""
    for desk in desks:
        desk.epochs = {lane: epoch for lane, epoch in epochs.items() if lane in desk.lanes}
