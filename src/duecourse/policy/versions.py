"""Publishing: immutable versions of policies and templates, and reading them back.

The database is the caller's transaction; nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .model import Policy
from .templates import Templates, TemplateText

SQL = load(__package__)


class TemplateRef(NamedTuple):
    """A template version; all its languages together."""

    template: str
    version: int


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """One version of a policy as it was published."""

    policy: str
    version: int
    model: Policy
    template_versions: Mapping[str, int]
    """Template name to the version this policy version uses."""
    source: str
    published_at: datetime
    published_by: str
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing did, or with a dry run would do."""

    policy: str
    version: int
    new_policy: bool
    """False: the version in force says the same, nothing was written."""
    new_templates: tuple[TemplateRef, ...]
    template_versions: Mapping[str, int]


def publish(
    connection: psycopg.Connection[Any],
    policy: Policy,
    templates: Templates,
    source: str,
    *,
    now: datetime,
    user: str,
    dry_run: bool = False,
) -> Publication:
    """Store a checked policy with the templates its steps use.

    What has the digest of the version in force becomes no new version. A template text that some earlier
    version already has is used again. Raises P302 when someone else publishes at the same moment.
    """
    found = connection.execute(SQL["lock_current"], {"policy": policy.name}).fetchone()
    versions, fresh = _template_versions(connection, policy, templates)
    digest = policy_digest(policy, templates)
    if found and bytes(found[1]) == digest:
        return Publication(policy.name, found[0], False, (), versions)
    row = connection.execute(SQL["last_version"], {"policy": policy.name}).fetchone()
    version = (row[0] if row else 0) + 1
    publication = Publication(policy.name, version, True, tuple(fresh), versions)
    if dry_run:
        return publication
    parsed = {"policy": policy.model_dump(mode="json"), "templates": versions}
    try:
        _insert_templates(connection, fresh, templates, now)
        connection.execute(SQL["retire_current"], {"policy": policy.name, "now": now})
        connection.execute(
            SQL["insert_policy"],
            {
                "policy": policy.name,
                "version": version,
                "digest": digest,
                "source": source,
                "parsed": json.dumps(parsed, ensure_ascii=False),
                "now": now,
                "user": user,
            },
        )
    except psycopg.errors.UniqueViolation as error:
        message = "someone else published at the same moment"
        raise DuecourseError(
            Problem("P302", f"policy {policy.name}", message, "Nothing was published; publish again.")
        ) from error
    return publication


def policy_digest(policy: Policy, templates: Templates) -> bytes:
    """SHA-256 of what a policy means, its templates included; comments and layout do not count."""
    texts = {
        f"{text.template}.{text.language}": text.digest.hex()
        for name in policy.templates
        for text in templates.of(name)
    }
    meaning = {"policy": policy.model_dump(mode="json"), "templates": texts}
    return sha256(json.dumps(meaning, sort_keys=True, ensure_ascii=False).encode()).digest()


def published_state(conn: psycopg.Connection) -> object:
    """What changes whenever a policy is published or retired: cheap to ask every second."""
    with conn.transaction():
        return conn.execute(SQL["published_state"]).fetchone()


def published_policies(connection: psycopg.Connection[Any]) -> list[PublishedPolicy]:
    """The versions in force, by name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_published(row) for row in cursor.execute(SQL["current_policies"])]


def policy_at(connection: psycopg.Connection[Any], name: str, version: int = 0) -> PublishedPolicy:
    """One version, in force or retired; the newest for 0. Raises P301 when there is none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["policy_at"], {"policy": name, "version": version}).fetchone()
    if row is None:
        which = f"version {version} of policy '{name}'" if version else f"policy '{name}'"
        raise DuecourseError(Problem("P301", "published policies", f"{which} is not published"))
    return _published(row)


def policy_history(connection: psycopg.Connection[Any], name: str | None = None) -> list[dict[str, Any]]:
    """Rows of policy, version, published_at, published_by, retired_at, steps; the newest version first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["policy_history"], {"policy": name}).fetchall()


def load_templates(
    connection: psycopg.Connection[Any], refs: Iterable[TemplateRef | tuple[str, int]]
) -> dict[TemplateRef, list[TemplateText]]:
    """The texts of template versions, for a Renderer. A version that is not stored is not in the answer."""
    wanted = sorted({TemplateRef(*ref) for ref in refs})
    texts: dict[TemplateRef, list[TemplateText]] = {}
    parameters = {"templates": [ref.template for ref in wanted], "versions": [ref.version for ref in wanted]}
    for template, version, language, parts in connection.execute(SQL["template_texts"], parameters):
        texts.setdefault(TemplateRef(template, version), []).append(TemplateText(template, language, parts))
    return texts


def _published(row: Mapping[str, Any]) -> PublishedPolicy:
    return PublishedPolicy(
        policy=row["policy"],
        version=row["version"],
        model=Policy.model_validate(row["parsed"]["policy"]),
        template_versions=row["parsed"]["templates"],
        source=row["source"],
        published_at=row["published_at"],
        published_by=row["published_by"],
        retired_at=row["retired_at"],
    )


def _template_versions(
    connection: psycopg.Connection[Any], policy: Policy, templates: Templates
) -> tuple[dict[str, int], list[TemplateRef]]:
    """For every template of the policy the version that says the same, else the next; and which are new."""
    stored: dict[str, dict[int, dict[str, bytes]]] = {}
    for template, version, language, digest in connection.execute(
        SQL["known_templates"], {"templates": list(policy.templates)}
    ):
        stored.setdefault(template, {}).setdefault(version, {})[language] = bytes(digest)
    versions: dict[str, int] = {}
    fresh = []
    for name in policy.templates:
        wanted = {text.language: text.digest for text in templates.of(name)}
        same = [version for version, digests in stored.get(name, {}).items() if digests == wanted]
        versions[name] = max(same) if same else max(stored.get(name, {}), default=0) + 1
        if not same:
            fresh.append(TemplateRef(name, versions[name]))
    return versions, fresh


def _insert_templates(
    connection: psycopg.Connection[Any], refs: Sequence[TemplateRef], templates: Templates, now: datetime
) -> None:
    rows = [(ref, text) for ref in refs for text in templates.of(ref.template)]
    connection.execute(
        SQL["insert_templates"],
        {
            "templates": [ref.template for ref, _ in rows],
            "versions": [ref.version for ref, _ in rows],
            "languages": [text.language for _, text in rows],
            "digests": [text.digest for _, text in rows],
            "parts": [json.dumps(dict(text.parts), ensure_ascii=False) for _, text in rows],
            "now": now,
        },
    )
