"""`duecourse init`."""

from __future__ import annotations

from typing import Annotated

import typer

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import new_keyring
from duecourse.store.migrate import get_setting, migrate, prepare_lanes, put_setting
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
) -> None:
    """Make the database and the key ring, or bring them up to date.

    Running it again changes nothing but pending migrations. Back up keys.json: without it sealed data is lost.

    Example: duecourse init --zone Asia/Shanghai
    """
    here = context()
    applied = make_book(here, zone, simulated=simulated)
    place = {"zone": here.lender_zone, "home": here.settings.home}
    here.console.print(
        say("Ready: simulated book, lender's zone {zone}, home {home}", **place)
        if here.simulated
        else say("Ready: live book, lender's zone {zone}, home {home}", **place)
    )
    if applied:
        here.console.print(say("Migrations applied: {names}", names=listed(applied)))
    here.console.print(say("Next: duecourse book import FILE --mapping MAPPING"))


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
