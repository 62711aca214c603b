"""`duecourse init`."""

from __future__ import annotations

from typing import Annotated

import typer

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import zone_is_known
from duecourse.store.migrate import get_setting, migrate, prepare_lanes, put_setting

from .context import context


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
    now = context()
    home = now.settings.home
    conn = now.connect()
    if not zone_is_known(conn, zone):
        raise DuecourseError(
            Problem("D002", "--zone", f"{zone!r} is not an IANA zone; use one such as Asia/Shanghai"),
            exit_code=2,
        )
    applied = migrate(conn)
    prepare_lanes(conn)
    was = get_setting(conn, "simulated")
    if was is not None and bool(was) != simulated and simulated:
        raise DuecourseError(
            Problem(
                "D003",
                "--simulated",
                "this book is live; a live book cannot become a simulated one",
                "Nothing was changed.",
            )
        )
    with conn.transaction():
        if was is None:
            put_setting(conn, "simulated", simulated)
            put_setting(conn, "lender_zone", zone)
    conn.commit()
    keys = home / "keys.json"
    if not keys.exists():
        home.mkdir(parents=True, exist_ok=True)
        Keyring.new().save(keys)
    kind = "simulated" if get_setting(conn, "simulated") else "live"
    conn.commit()
    now.console.print(f"Ready: {kind} book, lender's zone {get_setting(conn, 'lender_zone')}, home {home}")
    if applied:
        now.console.print(f"Migrations applied: {', '.join(applied)}")
    now.console.print("Next: duecourse book import FILE --mapping MAPPING")
