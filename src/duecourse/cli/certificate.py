"""`duecourse certificate`: settlement certificates as staff make, check, list and take them back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.book.payments import find_loan
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.evidence.certificates import (
    Certificate,
    Standing,
    State,
    certificates_of_loan,
    code_of,
    standing_of,
    withdraw,
)
from duecourse.evidence.checking import Checked, check_file, checked, find_by_code
from duecourse.evidence.codes import printed
from duecourse.evidence.issuing import TOLD_FOR
from duecourse.evidence.verifying import MOST_BYTES, Sealed
from duecourse.policy.load import is_language
from duecourse.store.lease import LANES

from .context import Context, context
from .payment import CreditorOption, JsonOption, LoanArgument
from .screen import print_json, table
from .seal import app as seal_app
from .seals import issuer
from .words import say, word

app = typer.Typer(
    help="Settlement certificates: make, check, list, take back; and the seal on them.", no_args_is_help=True
)
app.add_typer(seal_app, name="seal")

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="The verification code of a certificate.")]
_NOTHING = "Nothing was changed."


@app.command()
def make(
    loan: LoanArgument,
    creditor: CreditorOption = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="BCP 47, as zh-CN. Default: what there is, else the borrower's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Where the PDF goes. Default: certificate-NUMBER.pdf here."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the certificate that a loan is settled, sealed, and write it to a file; made again it is the same.

    Only for a loan of which the book says that nothing is open. Example: duecourse certificate make L-1024
    """
    here = context()
    if language is not None and not is_language(language):
        found = "this is no language that we know; write a BCP 47 tag such as zh-CN or en"
        raise DuecourseError(Problem("D237", "--language", found, "Nothing was issued."), exit_code=2)
    maker = issuer(here)
    place = find_loan(maker.conn, loan, creditor)
    made = maker.issue(place.lane, place.loan_id, as_of=here.book_day(), now=here.now(), language=language)
    path = out or Path(f"certificate-{made.certificate.number}.pdf")
    try:
        path.write_bytes(made.pdf)
    except OSError as error:
        found = f"the file cannot be written ({error.strerror}); the certificate is kept all the same"
        raise DuecourseError(Problem("D238", str(path), found)) from None
    facts = _facts(here, made.certificate, Standing(State.VALID)) | {"file": str(path), "new": made.new}
    if as_json:
        print_json(here.console, facts)
        return
    said = (
        say("Certificate {number} issued: {file}", number=facts["number"], file=path)
        if made.new
        else say(
            "Certificate {number} was issued on {day}: {file}",
            number=facts["number"],
            day=facts["issued_on"],
            file=path,
        )
    )
    here.console.print(said, highlight=False, markup=False, soft_wrap=True)
    here.console.print(say("Verification code {code}", code=facts["code"]), highlight=False)
    if made.certificate.demonstration:
        here.console.print(say("Sealed with the demonstration seal: it has no legal effect."), style="yellow")


@app.command()
def issue(as_json: JsonOption = False) -> None:
    """Issue those that policies promise at settlement (`certificates: on_settlement`), of the last 60 days.

    Workers do so by themselves. Example: duecourse certificate issue
    """
    here = context()
    now = here.now()
    since = now - timedelta(days=36_500) if here.simulated else now - TOLD_FOR
    done = issuer(here).issue_due(range(LANES), since=since, as_of=here.book_day(), now=now)
    if as_json:
        print_json(here.console, {"issued": done.issued, "problems": [str(one) for one in done.problems]})
    else:
        here.console.print(say("Issued: {count:,}", count=done.issued))
        if done.problems:
            raise DuecourseError(done.problems)


@app.command()
def check(
    what: Annotated[str, typer.Argument(metavar="FILE|CODE", help="The PDF, or its verification code.")],
    as_json: JsonOption = False,
) -> None:
    """Say whether a certificate is ours and still holds: exit code 0 when it does, else 1.

    Of a file also whether anything in it was changed since it was sealed. Without this installation anybody can see
    that with a PDF reader, and ask the page /check/certificate whether it still holds.

    Examples: duecourse certificate check certificate-20260310-7F3A9C2E.pdf; duecourse certificate check ABCD-EFGH-JKLM
    """
    here = context()
    conn = here.connect(autocommit=True)
    language = "zh-CN" if here.settings.language == "zh" else "en"
    sealed: Sealed | None = None
    path = Path(what)
    if path.is_file():
        found = check_file(conn, here.keyring, _read(path), as_of=here.book_day(), language=language)
        sealed, known = found.sealed, found.checked
    else:
        certificate = find_by_code(conn, here.keyring, what)
        known = checked(conn, certificate, as_of=here.book_day(), language=language) if certificate else None
    holds = known is not None and known.standing.state is State.VALID
    if as_json:
        print_json(here.console, {"valid": holds, **_checked(here, known), "seal": _sealed(sealed)})
    else:
        _print_checked(here, known, sealed, of_file=path.is_file())
    if not holds:
        raise typer.Exit(1)


@app.command("list")
def list_(loan: LoanArgument, creditor: CreditorOption = None, as_json: JsonOption = False) -> None:
    """The certificates of a loan, the latest first, and how each stands.

    Example: duecourse certificate list L-1024
    """
    here = context()
    conn = here.connect(autocommit=True)
    place = find_loan(conn, loan, creditor)
    day = here.book_day()
    found = [
        _facts(here, one, standing_of(conn, one, as_of=day))
        for one in certificates_of_loan(conn, place.lane, place.loan_id)
    ]
    if as_json:
        print_json(here.console, {"certificates": found})
        return
    columns = [
        say("number"), say("settled on"), say("issued on"), say("language"), say("code"), say("standing"), say("since"),
    ]  # fmt: skip
    rows = [
        (
            one["number"], one["settled_on"], one["issued_on"], one["language"], one["code"],
            word("certificate", one["state"]), one["since"],
        )
        for one in found
    ]  # fmt: skip
    here.console.print(table(say("Certificates"), columns, rows))


@app.command()
def revoke(
    code: CodeArgument,
    reason: Annotated[str, typer.Option(help="Why; nothing personal.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Take a certificate back, as when something on it was wrong; `make` then issues the next edition.

    A loan that is open again takes its certificate back by itself.

    Example: duecourse certificate revoke ABCD-EFGH-JKLM --reason "the name was misspelt"
    """
    here = context()
    conn = here.connect()
    found = find_by_code(conn, here.keyring, code)
    if found is None:
        raise DuecourseError(Problem("D235", "CODE", "no certificate has this code", _NOTHING))
    taken = withdraw(conn, found, on=here.book_day(), by=here.user, why=reason)
    conn.commit()
    if as_json:
        print_json(here.console, {"number": found.number, "revoked": taken})
        return
    here.console.print(
        say("Certificate {number} is taken back.", number=found.number)
        if taken
        else say("Certificate {number} had been taken back before.", number=found.number),
        highlight=False,
    )


def _read(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        found = f"a file of more than {MOST_BYTES >> 20} MB is none of ours"
        raise DuecourseError(Problem("D236", str(path), found))
    try:
        return path.read_bytes()
    except OSError as error:
        raise DuecourseError(Problem("D236", str(path), f"it cannot be read ({error.strerror})")) from None


def _facts(here: Context, one: Certificate, standing: Standing) -> dict[str, Any]:
    code = code_of(here.keyring, one)
    return {
        "number": one.number,
        "code": printed(code),
        "language": one.language,
        "settled_on": one.settled_on,
        "issued_on": one.issued_on,
        "issued_by": one.issued_by,
        "demonstration": one.demonstration,
        "state": standing.state.value,
        "since": standing.since,
        "reason": one.revoked_why,
    }


def _checked(here: Context, known: Checked | None) -> dict[str, Any]:
    if known is None:
        return {"certificate": None}
    return {"lender": known.lender, "certificate": _facts(here, known.certificate, known.standing)}


def _sealed(sealed: Sealed | None) -> dict[str, Any] | None:
    if sealed is None:
        return None
    return {
        "signer": sealed.signer,
        "fingerprint": sealed.seal,
        "intact": sealed.intact,
        "signed_at": sealed.signed_at,
        "stamped_at": sealed.stamped_at,
    }


def _print_checked(here: Context, known: Checked | None, sealed: Sealed | None, *, of_file: bool) -> None:
    show = here.console.print
    if known is None:
        show(
            say("This file is not a certificate as it was issued here.")
            if of_file
            else say("No certificate of ours has this code."),
            style="red",
        )
        if sealed is not None:
            show(
                say("It bears the unbroken seal of {signer}.", signer=sealed.signer)
                if sealed.intact
                else say(
                    "The seal of {signer} on it is broken: it was changed after it was sealed.",
                    signer=sealed.signer,
                ),
                highlight=False,
            )
        elif of_file:
            show(say("It bears no seal."))
        return
    one, standing = known.certificate, known.standing
    show(
        say(
            "Certificate {number}, issued by {lender} on {day}: valid",
            number=one.number,
            lender=known.lender,
            day=one.issued_on,
        )
        if standing.state is State.VALID
        else say(
            "Certificate {number}, issued by {lender} on {day}: no longer valid since {since} ({why})",
            number=one.number,
            lender=known.lender,
            day=one.issued_on,
            since=standing.since,
            why=word("certificate", standing.state.value),
        ),
        style="green" if standing.state is State.VALID else "red",
        highlight=False,
        markup=False,
    )
    if sealed is not None:
        show(say("Sealed by {signer}; nothing was changed since.", signer=sealed.signer), highlight=False)
    if one.demonstration:
        show(say("Sealed with the demonstration seal: it has no legal effect."), style="yellow")
