"""A migrated database is the one that schema.sql describes; migrating is safe to repeat and to race."""

from __future__ import annotations

import threading
from importlib.resources import files

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from duecourse.domain.problems import DuecourseError
from duecourse.store.migrate import get_setting, is_current, migrate, migrations, prepare_lanes, put_setting

SCHEMA = files("duecourse.store").joinpath("schema.sql").read_text(encoding="utf-8")
CATALOG = {
    "columns": """
        SELECT table_name, column_name, ordinal_position, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid)
        FROM information_schema.columns
        JOIN pg_attribute a ON a.attrelid = table_name::regclass AND a.attname = column_name
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "relations": """
        SELECT relname, relkind::text, relpersistence::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace""",
}


def catalog(connection: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted(connection.execute(query), key=str) for name, query in CATALOG.items()}


@pytest.fixture
def described(server_conninfo: str) -> dict[str, list[tuple[object, ...]]]:
    """The catalog that schema.sql makes."""
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute("CREATE DATABASE described TEMPLATE template0")
        try:
            with psycopg.connect(make_conninfo(server_conninfo, dbname="described")) as fresh:
                fresh.execute(SCHEMA)
                return catalog(fresh)
        finally:
            connection.execute("DROP DATABASE described WITH (FORCE)")


def test_migrated_database_is_what_schema_sql_says(
    database: psycopg.Connection, described: dict[str, list[tuple[object, ...]]]
) -> None:
    for kind, found in catalog(database).items():
        assert found == described[kind], f"{kind}: run python -m duecourse.store.migrate --freeze"


def test_migrating_twice_applies_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        assert not is_current(connection)
        migrate(connection)
        assert is_current(connection)
        assert migrate(connection) == []


def test_processes_that_migrate_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def one() -> None:
        try:
            with psycopg.connect(empty_database_url) as connection:
                start.wait()
                migrate(connection)
                prepare_lanes(connection)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migration").fetchone() == (len(migrations()),)
        assert connection.execute("SELECT count(*), min(lane), max(lane) FROM lane_lease").fetchone() == (
            256,
            0,
            255,
        )


def test_database_newer_than_the_program_is_refused(database: psycopg.Connection) -> None:
    database.execute("INSERT INTO schema_migration VALUES (9999, 'later', 'x', now())")
    database.commit()
    with pytest.raises(DuecourseError) as refused:
        migrate(database)
    assert [problem.code for problem in refused.value.problems] == ["S020"]


def test_changed_migration_is_refused(database: psycopg.Connection) -> None:
    database.execute("UPDATE schema_migration SET digest = 'other' WHERE version = 1")
    database.commit()
    with pytest.raises(DuecourseError) as refused:
        migrate(database)
    assert [problem.code for problem in refused.value.problems] == ["S021"]


def test_preparing_lanes_again_leaves_a_lane_that_was_taken_over(database: psycopg.Connection) -> None:
    database.execute("UPDATE lane_lease SET epoch = 7 WHERE lane = 3")
    database.commit()
    prepare_lanes(database)
    assert database.execute("SELECT epoch FROM lane_lease WHERE lane = 3").fetchall() == [(7,)]


def test_setting_keeps_the_last_value(database: psycopg.Connection) -> None:
    assert get_setting(database, "lender_zone") is None
    put_setting(database, "lender_zone", "Asia/Shanghai")
    put_setting(database, "lender_zone", "Europe/Paris")
    put_setting(database, "simulated", False)
    assert get_setting(database, "lender_zone") == "Europe/Paris"
    assert get_setting(database, "simulated") is False
