"""Publishing: what is published never changes, what says the same is not published again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import sleep

import psycopg
import pytest

from duecourse.content.check import check
from duecourse.domain.problems import DuecourseError
from duecourse.policy.versions import (
    Publication,
    TemplateRef,
    load_templates,
    policy_at,
    policy_history,
    publish,
    published_policies,
)
from duecourse.store.connect import Store

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
Publish = Callable[..., Publication]


@pytest.fixture
def publishing(database: psycopg.Connection, policy_file: Callable[..., Path]) -> Publish:
    """Check and publish the small policy, bent as the test wants."""

    def run(
        *changes: tuple[str, str], texts: dict[str, str | None] | None = None, dry_run: bool = False
    ) -> Publication:
        checked = check(policy_file(*changes, texts=texts))
        return publish(
            database, checked.policy, checked.templates, checked.source, now=NOW, user="ops", dry_run=dry_run
        )

    return run


def test_the_first_publication_is_version_1_of_policy_and_templates(
    database: psycopg.Connection, publishing: Publish
) -> None:
    done = publishing()
    assert (done.version, done.new_policy) == (1, True)
    assert done.new_templates == (TemplateRef("soon", 1), TemplateRef("late", 1))
    [published] = published_policies(database)
    assert (published.policy, published.version, published.published_by) == ("small", 1, "ops")
    assert published.template_versions == {"soon": 1, "late": 1}
    assert published.published_at == NOW
    assert published.source.startswith("policy: small")


def test_publishing_the_same_again_writes_nothing(database: psycopg.Connection, publishing: Publish) -> None:
    publishing()
    again = publishing(("policy: small", "# a comment changes nothing\npolicy: small"))
    assert (again.version, again.new_policy, again.new_templates) == (1, False, ())
    assert database.execute("SELECT count(*) FROM policy_version").fetchone() == (1,)


def test_a_changed_step_retires_the_version_before_it_and_keeps_its_templates(
    database: psycopg.Connection, publishing: Publish
) -> None:
    publishing()
    done = publishing(("due - 3d", "due - 5d"))
    assert (done.version, done.new_templates, done.template_versions) == (2, (), {"soon": 1, "late": 1})
    assert [published.version for published in published_policies(database)] == [2]
    assert policy_at(database, "small", 1).retired_at == NOW
    assert policy_at(database, "small", 1).model.step("soon").offset_days == -3
    assert policy_at(database, "small").model.step("soon").offset_days == -5


def test_a_changed_text_is_a_new_template_version_in_all_its_languages(
    database: psycopg.Connection, publishing: Publish
) -> None:
    publishing()
    done = publishing(texts={"late.en": 'sms: "{{ total | money }} is past its date"\n'})
    assert (done.version, done.template_versions) == (2, {"soon": 1, "late": 2})
    texts = load_templates(database, [("late", 1), ("late", 2), ("late", 3)])
    assert [
        (ref.version, text.language, text.parts["sms"]) for ref, found in texts.items() for text in found
    ] == [
        (1, "en", "{{ total | money }} is overdue"),
        (1, "zh-CN", "{{ total | money }}已逾期"),
        (2, "en", "{{ total | money }} is past its date"),
        (2, "zh-CN", "{{ total | money }}已逾期"),
    ]


def test_going_back_to_an_earlier_text_uses_its_version_again(
    database: psycopg.Connection, publishing: Publish
) -> None:
    publishing()
    publishing(texts={"late.en": 'sms: "{{ total | money }} is past its date"\n'})
    back = publishing()
    assert (back.version, back.new_templates, back.template_versions["late"]) == (3, (), 1)
    assert [row["version"] for row in policy_history(database, "small")] == [3, 2, 1]


def test_a_dry_run_writes_nothing(database: psycopg.Connection, publishing: Publish) -> None:
    done = publishing(dry_run=True)
    assert (done.version, done.new_policy) == (1, True)
    assert published_policies(database) == []
    assert database.execute("SELECT count(*) FROM template_version").fetchone() == (0,)


def test_of_two_who_publish_at_once_one_is_told(
    store: Store, database: psycopg.Connection, policy_file: Callable[..., Path]
) -> None:
    first = check(policy_file(folder="first"))
    second = check(policy_file(("due - 3d", "due - 5d"), folder="second"))
    outcomes: list[str] = []

    def publish_second() -> None:
        with store.connect() as other:
            try:
                publish(other, second.policy, second.templates, second.source, now=NOW, user="second")
            except DuecourseError as error:
                outcomes.append(error.problems[0].code)

    publish(database, first.policy, first.templates, first.source, now=NOW, user="first")
    thread = Thread(target=publish_second)
    thread.start()
    with store.connect(autocommit=True) as watch:  # of its own: within a transaction the view never changes
        while not watch.execute(WAITING).fetchone():
            assert thread.is_alive()
            sleep(0.01)
    database.commit()
    thread.join()
    assert outcomes == ["P302"]
    assert [published.published_by for published in published_policies(database)] == ["first"]


def test_asking_for_what_was_never_published_is_told_plainly(database: psycopg.Connection) -> None:
    with pytest.raises(DuecourseError, match=r"policy 'none' is not published \(P301\)"):
        policy_at(database, "none")
