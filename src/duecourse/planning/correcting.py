"""Corrections: exactly those whom a wrong batch reached are told so, in a text of the policy now in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .compile import Plannable

SQL = load("planning/correcting")

USEFUL_DAYS = 1
"""A correction may still go until the end of the borrower's next day."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How many messages and people over one channel."""

    channel: str
    messages: int
    borrowers: int


def reached_by(conn: psycopg.Connection, batch_id: UUID) -> list[Reached]:
    """Whom a batch reached or, where the outcome is unknown, may have reached."""
    with conn.transaction():
        return [Reached(*row) for row in conn.execute(SQL["reached"], {"batch_id": batch_id})]


def correct_batch(
    conn: psycopg.Connection,
    batch: Mapping[str, object],
    policies: Mapping[str, Plannable],
    *,
    now: datetime,
    dry_run: bool = False,
) -> list[Reached]:
    """Plan a correction for everyone the batch reached; what was planned before is not planned again.

    batch: a row of dispatch.batches.find_batch. policies: those in force, by name; the batch's must name a
    `correction` template, else DuecourseError D092. Answers what was planned, or with dry_run would be. The
    transaction is the caller's, so that the batch is closed in the same one.
    """
    plannable = policies.get(str(batch["policy"]))
    template = plannable.policy.correction if plannable else None
    if plannable is None or template is None:
        raise DuecourseError(
            Problem(
                "D092",
                f"policy {batch['policy']}",
                "no version in force names a template for corrections; add 'correction: TEMPLATE' and publish it",
                "Nobody was corrected.",
            )
        )
    with conn.transaction(force_rollback=dry_run):
        rows = conn.execute(
            SQL["correct_batch"],
            {
                "batch_id": batch["batch_id"],
                "step": f"correction-{str(batch['batch_id'])[:8]}",
                "policy": plannable.policy.name,
                "policy_version": plannable.version,
                "template": template,
                "template_version": plannable.template_versions[template],
                "names_amount": template not in plannable.silent_templates,
                "max_book_age": plannable.policy.max_book_age,
                "now": now,
                "useful_days": USEFUL_DAYS,
            },
        ).fetchall()
    return [Reached(*row) for row in rows]
