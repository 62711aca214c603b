"""`duecourse init`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import psycopg
import typer
from rich.progress import Progress

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import new_keyring
from duecourse.store.migrate import get_setting, migrate, prepare_lanes, put_setting
from duecourse.store.shards import is_cluster, shards_of
from duecourse.store.spreading import (
    DEFAULT_SHARDS,
    MOST_SHARDS,
    ClusterNode,
    nodes_of,
    require_cluster,
    spread,
)
from duecourse.store.zones import zone_is_known

from .context import Context, context
from .words import listed, say


def init(
    zone: Annotated[
        str, typer.Option(help="IANA zone in which the lender's dates are meant.")
    ] = "Asia/Shanghai",
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated",
            help="Mark the book as simulated: days may be replayed, and only sandbox providers are ever used.",
        ),
    ] = False,
    citus: Annotated[
        bool,
        typer.Option(
            "--citus",
            help="Spread the book over the nodes of the Citus cluster whose coordinator the database is.",
        ),
    ] = False,
    shards: Annotated[
        int,
        typer.Option(help="Into how many shards lanes are put with --citus.", min=1, max=MOST_SHARDS),
    ] = DEFAULT_SHARDS,
) -> None:
    """Make the database and the key ring, or bring them up to date.

    Running it again changes nothing but pending migrations. Back up keys.json: without it sealed data is lost.
    A book that is filled already can be spread too; where that stopped, the same command goes on.

    Example: duecourse init --zone Asia/Shanghai
    """
    here = context()
    if citus:
        require_cluster(here.connect(autocommit=True, initialised=False), here.store.place)
    applied = make_book(here, zone, simulated=simulated)
    conn = here.connect(autocommit=True)
    if citus or is_cluster(conn):  # also what a migration brought to a book that was spread before
        _spread(here, conn, shards)
    place = {"zone": here.lender_zone, "home": here.settings.home}
    here.console.print(
        say("Ready: simulated book, lender's zone {zone}, home {home}", **place)
        if here.simulated
        else say("Ready: live book, lender's zone {zone}, home {home}", **place)
    )
    if applied:
        here.console.print(say("Migrations applied: {names}", names=listed(applied)))
    here.console.print(say("Next: duecourse book import FILE --mapping MAPPING"))


def _spread(here: Context, conn: psycopg.Connection, shards: int) -> None:
    bar = Progress(console=here.console, transient=True, disable=not here.console.is_terminal)
    with bar as progress:
        task = progress.add_task(say("Spreading tables"), total=None)

        def begun(table: str, left: int) -> None:
            progress.update(task, description=say("Spreading {table}; {left} to go", table=table, left=left))

        done = spread(conn, shards, begun)
    here.store.look_again()
    nodes = nodes_of(conn)
    parts = shards_of(conn)
    if done:
        here.console.print(say("Tables spread now: {count}", count=len(done)))
    here.console.print(cluster_line(nodes, len(parts)))


def cluster_line(nodes: Sequence[ClusterNode], shards: int) -> str:
    """One line that says where the book lies."""
    told = listed(f"{one.host}:{one.port} ({one.shards})" for one in nodes)
    return say(
        "Cluster: {shards} shards with lanes, on {count} nodes: {nodes}",
        shards=shards, count=len(nodes), nodes=told,
    )  # fmt: skip


def make_book(here: Context, zone: str, *, simulated: bool) -> list[str]:
    """Migrate, make lanes, settings and the key ring; returns the migrations applied.

    Raises DuecourseError D002 (zone), D003 (a live book asked to be simulated), D014 (a book without its keys).
    """
    conn = here.connect(initialised=False)
    if not zone_is_known(zone):
        raise DuecourseError(
            Problem("D002", "--zone", f"{zone!r} is not an IANA zone; use one such as Asia/Shanghai"),
            exit_code=2,
        )
    applied = migrate(conn)
    prepare_lanes(conn)
    was = get_setting(conn, "simulated")
    if was is False and simulated:
        raise DuecourseError(
            Problem(
                "D003",
                "--simulated",
                "this book is live; a live book cannot become a simulated one",
                "Nothing was changed.",
            )
        )
    keys = here.settings.home / "keys.json"
    if not keys.exists() and conn.execute("SELECT 1 FROM borrower LIMIT 1").fetchone():
        raise DuecourseError(
            Problem(
                "D014",
                str(keys),
                "the database holds a book, but the key ring that sealed it is not here; put it back, or point "
                "DUECOURSE_HOME to its folder",
                "New keys would open nothing, know nobody again and miss every opt-out: none were made.",
            )
        )
    if was is None:
        put_setting(conn, "simulated", simulated)
        put_setting(conn, "lender_zone", zone)
    conn.commit()
    if not keys.exists():
        # With a database elsewhere nobody made the home yet.
        keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new_keyring(keys)
    return applied
