"""`duecourse wechat`: learn whose an OpenID is, by a code typed into the chat, a QR code scanned, or a page opened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, Final, TypeVar

import typer
from psycopg import Connection

from duecourse.book.binding import Bound, Invitation, Way, bind, invitations, invite
from duecourse.book.parsing import FieldFault
from duecourse.book.reading import Borrower, find_borrower
from duecourse.channels.registry import build
from duecourse.channels.wechat.account import Trouble, WechatAccount
from duecourse.channels.wechat.adapter import WechatAdapter
from duecourse.dispatch.subscriptions import subscriptions_of
from duecourse.domain.messaging import Reply
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .providers import adapter_config, configured_providers
from .screen import print_json, table
from .wishes import typed
from .words import reason, say, word

app = typer.Typer(help="WeChat: whose account is whose.", no_args_is_help=True)

KIND: Final = "wechat.service"
_NOTHING: Final = "Nothing was changed."
_SAID: Final[dict[Bound, str]] = {
    Bound.HELD: "this OpenID is another borrower's; look at both with `borrower show`, retire the one that is wrong",
    Bound.RETIRED: "this OpenID was taken out of use for good",
}

BorrowerArgument = Annotated[str, typer.Argument(metavar="BORROWER", help="The lender's customer key.")]
ProviderOption = Annotated[
    str, typer.Option(help="The account in providers.toml, where there are several.", show_default=False)
]
MinutesOption = Annotated[int, typer.Option(min=1, max=43_200, help="How long it can be used.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
T = TypeVar("T")


@app.command()
def code(
    borrower: BorrowerArgument,
    provider: ProviderOption = "",
    minutes: MinutesOption = 30,
    as_json: JsonOption = False,
) -> None:
    """Make a code that the borrower types into the account's chat. It serves once; one given before ends.

    Example: duecourse wechat code C00042 --minutes 60
    """
    here = context()
    conn = here.connect()
    account = _account(here, provider)
    invitation = _invite(here, conn, _borrower(here, conn, borrower), account, Way.CODE, minutes)
    conn.commit()
    if as_json:
        print_json(here.console, {"code": invitation.code, "expires_at": invitation.expires_at})
        return
    here.console.print(
        say(
            "Code {code}, until {until}",
            code=invitation.code,
            until=f"{invitation.expires_at:%Y-%m-%d %H:%M%z}",
        )
    )


@app.command()
def qr(
    borrower: BorrowerArgument,
    provider: ProviderOption = "",
    minutes: MinutesOption = 30,
    as_json: JsonOption = False,
) -> None:
    """Make a QR code that binds whoever scans it first: show it to the borrower alone.

    Example: duecourse wechat qr C00042 --json
    """
    here = context()
    conn = here.connect()
    adapter = _account(here, provider)
    invitation = _invite(here, conn, _borrower(here, conn, borrower), adapter, Way.SCAN, minutes)
    picture = _ask(adapter, lambda account: account.qr_code(invitation.scene, minutes * 60))
    if isinstance(picture, Trouble):
        raise _trouble(picture)
    conn.commit()
    told = {"url": picture.url, "picture": picture.picture, "expires_at": invitation.expires_at}
    if as_json:
        print_json(here.console, told)
        return
    here.console.print(say("QR code, until {until}:", until=f"{invitation.expires_at:%Y-%m-%d %H:%M%z}"))
    here.console.print(picture.picture, soft_wrap=True, highlight=False, markup=False)


@app.command()
def page(
    address: Annotated[
        str, typer.Argument(metavar="URL", help="The lender's page that WeChat comes back to.")
    ],
    state: Annotated[str, typer.Option(help="What comes back with it; nothing personal.")] = "bind",
    provider: ProviderOption = "",
) -> None:
    """The link that asks a person's WeChat who they are, and comes back to a page with a code for `wechat bind`.

    Example: duecourse wechat page https://pay.lender.example/wechat --state 7f3a
    """
    here = context()
    link = _account(here, provider).account.authorize_url(address, state)
    here.console.print(link, soft_wrap=True, highlight=False, markup=False)


@app.command("bind")
def bind_openid(
    borrower: BorrowerArgument,
    openid: Annotated[
        str, typer.Option(help="The OpenID itself; - reads it from standard input.", show_default=False)
    ] = "",
    page_code: Annotated[
        str, typer.Option(help="Or the code with which WeChat came back to the page.", show_default=False)
    ] = "",
    provider: ProviderOption = "",
) -> None:
    """Note whose an OpenID is. One that another borrower has is refused.

    Example: duecourse wechat bind C00042 --page-code 021x7bGa1tQ9uJ0
    """
    here = context()
    conn = here.connect()
    if bool(openid) == bool(page_code):
        raise DuecourseError(
            Problem("D152", "--openid", "give --openid or --page-code, one of them", _NOTHING)
        )
    adapter = _account(here, provider)
    found = _borrower(here, conn, borrower)
    theirs: str | Trouble = typed(openid).strip() if openid else ""
    if page_code:
        theirs = _ask(adapter, lambda account: account.openid_of(page_code))
    if isinstance(theirs, Trouble):
        raise _trouble(theirs)
    way = Way.STAFF if openid else Way.PAGE
    platform = adapter.settings.app_id
    try:
        result = bind(
            conn, here.keyring, found, theirs, platform=platform, way=way, by=here.user, now=here.now()
        )
    except FieldFault as fault:
        problem = Problem(fault.code, "--openid", f"{fault.found}; {fault.expected}", _NOTHING)
        raise DuecourseError(problem) from None
    if result is not Bound.BOUND:
        raise DuecourseError(Problem("D152", "BORROWER", _SAID[result], _NOTHING))
    conn.commit()
    here.console.print(say("Bound: {borrower}", borrower=found.borrower_key))


@app.command()
def subscriptions(
    borrower: BorrowerArgument, provider: ProviderOption = "", as_json: JsonOption = False
) -> None:
    """How many subscription messages the borrower still allows, template by template.

    Example: duecourse wechat subscriptions C00042
    """
    here = context()
    conn = here.connect()
    adapter = _account(here, provider)
    settings = adapter.settings
    found = subscriptions_of(
        conn,
        here.keyring,
        _borrower(here, conn, borrower),
        provider=adapter.name,
        templates=settings.subscription_templates,
        long_term=settings.long_term_templates,
    )
    if as_json:
        print_json(here.console, [asdict(one) for one in found])
        return
    columns = [say("template"), say("allowed"), say("used"), say("left")]
    rows = [
        (one.template, one.allowed, one.used, say("without end") if one.left is None else one.left)
        for one in found
    ]
    here.console.print(table(say("Subscription messages"), columns, rows, right=[1, 2, 3]))


@app.command("list")
def list_invitations(
    refused: Annotated[
        bool, typer.Option("--refused", help="Only those that a person must look at.")
    ] = False,
    borrower: Annotated[str, typer.Option(help="Only of this customer key.", show_default=False)] = "",
    take: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """The latest invitations to bind an account, and what came of them.

    Example: duecourse wechat list --refused --json
    """
    here = context()
    states = ["refused"] if refused else ["open", "bound", "refused", "withdrawn"]
    found = invitations(here.connect(), states=states, borrower_key=borrower or None, take=take)
    now = here.now()
    for one in found:
        one["state"] = "expired" if one["state"] == "open" and one["expires_at"] <= now else one["state"]
    if as_json:
        print_json(here.console, found)
        return
    columns = [say("borrower"), say("account"), say("way"), say("state"), say("invited"), say("until")]
    rows = [
        (
            one["borrower_key"], one["provider"], word("binding way", one["way"]),
            _state(one), f"{one['invited_at']:%Y-%m-%d %H:%M}", f"{one['expires_at']:%Y-%m-%d %H:%M}",
        )
        for one in found
    ]  # fmt: skip
    here.console.print(table(say("Invitations to bind a WeChat account"), columns, rows))


def _state(one: dict[str, Any]) -> str:
    state = word("binding state", one["state"])
    return f"{state}: {reason(one['reason'])}" if one["reason"] else state


def _account(here: Context, name: str) -> WechatAdapter:
    """The WeChat account of providers.toml. Raises DuecourseError D150, and those of the file and its settings."""
    providers = configured_providers(here.settings.home, simulated=here.simulated)
    fitting = [one for one in providers if one.kind == KIND and name in ("", one.name)]
    if len(fitting) != 1:
        known = ", ".join(one.name for one in providers if one.kind == KIND) or "none"
        what = f"'{name}' is no WeChat account of providers.toml" if name else "say which account: --provider"
        raise DuecourseError(Problem("D150", "--provider", f"{what}; known: {known}", _NOTHING))
    adapter = build(KIND, fitting[0].name, adapter_config(fitting[0]), _no_receipts, _no_reply, here.now)
    assert isinstance(adapter, WechatAdapter)
    return adapter


async def _no_receipts(provider: str, receipts: object) -> None:
    """Nothing comes in: no address is listened on here."""


async def _no_reply(reply: Reply) -> None:
    """As above."""


def _borrower(here: Context, conn: Connection, key: str) -> Borrower:
    found = find_borrower(conn, here.keyring, key)
    if found is None:
        raise DuecourseError(Problem("D033", "BORROWER", "no borrower of the book has this customer key"))
    return found


def _invite(
    here: Context, conn: Connection, borrower: Borrower, adapter: WechatAdapter, way: Way, minutes: int
) -> Invitation:
    return invite(
        conn, here.keyring, borrower, provider=adapter.name, platform=adapter.settings.app_id, way=way,
        seconds=minutes * 60, by=here.user, now=here.now(),
    )  # fmt: skip


def _ask(adapter: WechatAdapter, question: Callable[[WechatAccount], Awaitable[T]]) -> T:
    async def ask() -> T:
        adapter.line.open()
        try:
            return await question(adapter.account)
        finally:
            await adapter.line.close()

    return asyncio.run(ask())


def _trouble(trouble: Trouble) -> DuecourseError:
    code = f" ({trouble.code})" if trouble.code else ""
    return DuecourseError(Problem("D151", "WeChat", f"{trouble.reason}{code}", _NOTHING), exit_code=3)
