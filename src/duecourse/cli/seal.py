"""`duecourse certificate seal`: what certificates are sealed with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.evidence.seal import Seal, keep_seal, make_demonstration_seal, read_seal
from duecourse.policy.naming import only_lender, policies_in_force

from .context import Context, context
from .payment import JsonOption
from .screen import print_json
from .seals import seal_of
from .words import say

app = typer.Typer(help="The lender's electronic seal: init, import, show.", no_args_is_help=True)

ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="In place of the one that is there; what it sealed stays as it is.")
]


@app.command()
def init(
    name: Annotated[
        str, typer.Option(help="Whom it names. Default: the lender of the policies in force.")
    ] = "",
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a demonstration seal for trying. Nobody vouches for it, and every certificate under it says so.

    Example: duecourse certificate seal init --name "Harbour Finance"
    """
    here = context()
    fresh = make_demonstration_seal(name.strip() or _lender(here), now=here.now())
    keep_seal(fresh, here.keyring, here.settings.home, replace=replace)
    _report(here, fresh, as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="PKCS#12 (.p12, .pfx) with the certificate, its key and those above it.", dir_okay=False
        ),
    ],
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Holds its password. Default: DUECOURSE_SEAL_PASSWORD."
        ),
    ] = None,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take the lender's seal from a PKCS#12 file into the home folder, under a password that the key ring gives.

    To leave the file where it is, name it in DUECOURSE_SEAL_FILE instead.

    Example: duecourse certificate seal import seal.p12 --password-file seal.password
    """
    here = context()
    password = here.settings.seal_password.get_secret_value().encode()
    if password_file is not None:
        try:
            password = password_file.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            found = f"it cannot be read ({error.strerror})"
            raise DuecourseError(Problem("D239", str(password_file), found, "No seal was changed.")) from None
    seal = read_seal(file, password, now=here.now())
    keep_seal(seal, here.keyring, here.settings.home, replace=replace)
    _report(here, seal, as_json=as_json)


@app.command()
def show(as_json: JsonOption = False) -> None:
    """Whose seal it is, who vouches for it, and until when; never its key.

    Example: duecourse certificate seal show
    """
    here = context()
    _report(here, seal_of(here, here.now()), as_json=as_json)


def _lender(here: Context) -> str:
    language = "zh-CN" if here.settings.language == "zh" else "en"
    with here.store.connect() as conn:
        return only_lender(policies_in_force(conn), language).name or "Duecourse"


def _report(here: Context, seal: Seal, *, as_json: bool) -> None:
    certificate = seal.certificate
    facts: dict[str, Any] = {
        "name": seal.name,
        "issuer": certificate.issuer.rfc4514_string(),
        "demonstration": seal.demonstration,
        "self_signed": seal.self_signed,
        "from": certificate.not_valid_before_utc.date(),
        "until": certificate.not_valid_after_utc.date(),
        "key": seal.strength,
        "fingerprint": seal.fingerprint,
    }
    if as_json:
        print_json(here.console, facts)
        return
    lines = [
        say(
            "Seal of {name}, from {first} to {last}", name=seal.name, first=facts["from"], last=facts["until"]
        ),
        say("Issued by {issuer}", issuer=facts["issuer"]),
        say("Key {key}, SHA-256 {fingerprint}", key=facts["key"], fingerprint=facts["fingerprint"]),
    ]
    for line in lines:
        here.console.print(line, highlight=False, markup=False, soft_wrap=True)
    if seal.demonstration:
        here.console.print(
            say("This is a demonstration seal: nobody vouches for it, and it has no legal effect."),
            style="yellow",
        )
