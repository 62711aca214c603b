"""What every gateway does alike; a family says how to begin an order, how to ask about it, and what an answer means."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

from pydantic import AfterValidator

from duecourse.channels.http.line import Answer
from duecourse.domain.messaging import RawRequest, RawResponse

from .contract import Fact, GatewaySettings, NotGenuineError, Notice, Order, Started, Trouble
from .line import GatewayLine, of_status, origin_of

FORM: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
NOBODYS: Final = "0" * 32
"""The number of an order that nobody has made."""

S = TypeVar("S", bound=GatewaySettings)


def _https(url: str) -> str:
    origin_of(url)
    return url


HttpsUrl = Annotated[str, AfterValidator(_https)]
"""An address that a gateway is reached at, as it is written."""
HttpsBase = Annotated[HttpsUrl, AfterValidator(lambda url: url.rstrip("/"))]
"""One that paths are put behind."""


class Adapter(ABC, Generic[S]):
    """A gateway. A subclass gives its class variables, `begin`, `asked` and `told`."""

    kind: ClassVar[str]
    currencies: ClassVar[Collection[str]] = ()
    """Those it knows; none: every one."""
    taken: RawResponse = RawResponse(200, b"success")
    """The answer to a notification whose facts are committed."""
    failed: RawResponse = RawResponse(503, b"fail")
    sources: Sequence[str] = ()

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings

    @abstractmethod
    def begin(self, order: Order) -> Started | Trouble:
        """Make the order; the same order again is the same one."""

    @abstractmethod
    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """What became of an order. What it raises means that the answer is not as documented."""

    @abstractmethod
    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """What a notification says. Raises NotGenuineError, or ValueError for one that is signed but not understood."""

    def takes(self, currency: str) -> bool:
        """Those it knows, and of `only` where it names some."""
        return all(not known or currency in known for known in (self.currencies, self.settings.only))

    def ask(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """What became of an order, as it answers and its answer is checked."""
        try:
            facts = self.asked(order_no, reference, now)
        except (NotGenuineError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return Trouble(f"its answer is not signed or not understood ({type(error).__name__})")
        if not isinstance(facts, Trouble) and any(fact.order_no != order_no for fact in facts):
            return Trouble("its answer is about another order")
        return facts

    def check(self, now: datetime) -> Trouble | None:
        """By asking about an order that nobody has made."""
        heard = self.ask(NOBODYS, "", now)
        return heard if isinstance(heard, Trouble) else None

    def hear(self, request: RawRequest, now: datetime) -> Notice:
        """What a notification says, and the answer to it."""
        return Notice(self.told(request, now), self.taken)


class HttpAdapter(Adapter[S]):
    """A gateway that is spoken to over HTTP."""

    def __init__(self, name: str, settings: S) -> None:
        """Raises OSError or ssl.SSLError for an unusable `ca_file`."""
        super().__init__(name, settings)
        self._line = GatewayLine(settings)

    def exchange(
        self,
        method: str,
        url: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        answers: Collection[int] = (200,),
    ) -> Answer | Trouble:
        """What it answers. answers: the statuses that are one; any other is trouble."""
        heard = self._line.ask(method, url, content=content, headers=headers)
        if isinstance(heard, Answer) and heard.status not in answers:
            return of_status(heard.status)
        return heard


def an_object(text: bytes) -> dict[str, Any]:
    """An object of JSON. Raises ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("expected an object")
    return found
