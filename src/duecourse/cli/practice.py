"""`duecourse gateway practise`: far ends of real gateways on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from duecourse.channels.http.listener import Listener
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.gateways.alipay.far_end import AlipayFarEnd
from duecourse.gateways.far_end import FarEnd
from duecourse.gateways.generic.far_end import GenericFarEnd
from duecourse.gateways.stripe.far_end import StripeFarEnd
from duecourse.gateways.wechatpay.far_end import WechatPayFarEnd

from .context import context
from .gateways import FILE
from .words import say

FAR_ENDS: Final[Mapping[str, type[FarEnd]]] = {
    one.kind: one for one in (GenericFarEnd, StripeFarEnd, AlipayFarEnd, WechatPayFarEnd)
}


def practise(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND]...", help="Kinds of gateway; without any: all.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where `serve` answers. Default: DUECOURSE_PUBLIC_URL."),
    ] = None,
) -> None:
    """Run far ends that speak the gateways' protocols and move no money, until Ctrl-C.

    Prints a gateways.toml for a simulated book: put it into the home folder, start `serve`, and pay on the page.

    Example: duecourse gateway practise stripe alipay
    """
    here = context()
    chosen = kinds or list(FAR_ENDS)
    if unknown := [kind for kind in chosen if kind not in FAR_ENDS]:
        found = f"'{unknown[0]}' is no kind with a far end; known: {', '.join(FAR_ENDS)}"
        raise DuecourseError(Problem("D214", "KIND", found, "Nothing was started."), exit_code=2)
    address = (public_url or here.settings.public_url).rstrip("/")
    asyncio.run(_serve([FAR_ENDS[kind](_now) for kind in chosen], address))
    here.console.print(say("Stopped practising."))


def _now() -> datetime:
    return datetime.now(UTC)


async def _serve(far_ends: list[FarEnd], public_url: str) -> None:
    here, stopping = context(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        for one in far_ends:
            listener = Listener(one.application())
            one.url = f"http://127.0.0.1:{await listener.start()}"
            stack.push_async_callback(listener.stop)
            if isinstance(one, StripeFarEnd):
                one.notify_url = f"{public_url}/callbacks/pay/{one.kind}"
            here.console.print(as_toml(one), highlight=False, markup=False, soft_wrap=True)
        here.console.print(say("Put these into {file} of a simulated book; Ctrl-C stops.", file=FILE))
        await stopping.wait()


def as_toml(far_end: FarEnd) -> str:
    """Its entry in gateways.toml."""
    told = {"kind": far_end.kind, "sandbox": True, **far_end.settings()}
    return "\n".join([f"[{far_end.kind}]", *(f"{key} = {_value(value)}" for key, value in told.items()), ""])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)
