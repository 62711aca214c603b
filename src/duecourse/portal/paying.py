"""Paying on the page: what to pay, off to the gateway, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.responses import RedirectResponse, Response

from duecourse.domain.money import Money
from duecourse.gateways.contract import Gateway, Order, Started, Trouble
from duecourse.gateways.line import within
from duecourse.gateways.sandbox.adapter import SandboxGateway
from duecourse.gateways.till import Till
from duecourse.responses.asking import ask_about
from duecourse.responses.paying import (
    PayRequest,
    Share,
    Wanted,
    find_request,
    keep_start,
    open_request,
    take_question,
    wall_clock,
)
from duecourse.responses.quoting import Quote
from duecourse.responses.trades import divide, receipts_of

from .asked import Asked
from .early import early_quotes
from .frame import headers
from .owing import Owed, first_due
from .page import Button, Page
from .picture import code_picture
from .playing import BANK

log = structlog.get_logger("duecourse.gateways")

PART: Final = "part"
"""The choice of another amount."""
_PHONES: Final = ("Mobi", "Android", "iPhone")
"""Words of a browser that runs on a phone."""
_OPEN: Final = ("open", "replaced")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing the visitor can pay."""

    value: str
    label: str
    total: Money
    shares: Sequence[Share]


def pay_pages(till: Till) -> tuple[Page, ...]:
    """The pages of a site whose borrowers can pay; none where no gateway is configured."""
    if not till.gateways:
        return ()
    paying = Paying(till)
    pages = [
        Page(
            "/me/pay",
            paying.choose,
            button=Button("paying.pay", "pay", 10, paying.can_pay),
            form_action=till.sources,
        ),
        Page("/me/pay/{order_no}", paying.show, signed_in=False, form_action=till.sources),
    ]
    if any(isinstance(one, SandboxGateway) for one in till.gateways.values()):
        pages.append(Page("/bank/{order_no}", paying.bank, signed_in=False))
    return tuple(pages)


def choices_of(asked: Asked) -> list[Choice]:
    """By currency all that the bill asks for now, where it is several, then each amount of the bill."""
    found: list[Choice] = []
    first = first_due(asked.owed, today=asked.today)
    for currency in sorted({one.open.currency for one in first}):
        of = [one for one in first if one.open.currency == currency]
        if len(of) > 1:
            total = Money(sum(one.open.amount_minor for one in of), currency)
            found.append(Choice(f"all {currency}", asked.say("paying.all", amount=total), total, _shares(of)))
    for one in asked.owed:
        label = asked.say(
            "paying.one",
            amount=one.open,
            product=asked.product(one.product),
            contract=asked.tail(one.loan_ref),
            day=one.due_on,
        )
        found.append(Choice(f"{one.loan_id} {one.number}", label, one.open, _shares([one])))
    return found + _endings(asked)


def _endings(asked: Asked) -> list[Choice]:
    """What ends each of the visitor's own loans today, where the lender's policy lets it be quoted."""
    if not any(one.early_settlement for one in asked.policies):
        return []
    return [
        Choice(
            f"{one.loan.loan_id} early",
            asked.say(
                "paying.early",
                amount=one.total,
                product=asked.product(one.loan.product),
                contract=asked.tail(one.loan.loan_ref),
            ),
            one.total,
            [Share(one.loan.creditor, one.loan.loan_ref, one.total.amount_minor)],
        )
        for one in early_quotes(asked, asked.today)
        if isinstance(one, Quote) and one.principal.amount_minor
    ]


def _shares(owed: Sequence[Owed]) -> list[Share]:
    """A loan once, in the order of the bill."""
    loans: dict[tuple[str, str], int] = {}
    for one in owed:
        key = (one.creditor, one.loan_ref)
        loans[key] = loans.get(key, 0) + one.open.amount_minor
    return [Share(creditor, loan_ref, amount) for (creditor, loan_ref), amount in loans.items()]


def part_currency(asked: Asked) -> str | None:
    """The currency in which another amount can be paid: every policy allows it, and all is owed in that one."""
    currencies = {one.open.currency for one in asked.owed}
    allowed = asked.policies and all(one.part_payments == "allowed" for one in asked.policies)
    return currencies.pop() if allowed and len(currencies) == 1 else None


class Paying:
    """The pages of a till."""

    def __init__(self, till: Till) -> None:
        self.till = till

    def can_pay(self, asked: Asked) -> bool:
        """Whether something is owed that a gateway takes."""
        return any(self.till.offered(one.open.currency, [one.creditor]) for one in asked.owed)

    def choose(self, asked: Asked) -> Response:
        """`/me/pay`: what, and through which gateway."""
        choices = [one for one in choices_of(asked) if self._offered(one)]
        if not choices:
            return asked.go("/me")
        part = part_currency(asked)
        gateways = {one.name: one for choice in choices for one in self._offered(choice)}
        if asked.posted:
            choice = self._chosen(asked, choices, part)
            gateway = self._gateway(asked, gateways, choice)
            if choice and gateway and not asked.form.errors:
                return self._open(asked, choice, gateway)
        options = [(one.value, one.label) for one in choices]
        if part:
            options.append((PART, asked.say("paying.part")))
        return asked.show(
            "pay.html",
            options=options,
            kept=(choices[0].value,),
            part=part,
            gateways=[(one.name, _label(one, asked)) for one in gateways.values()],
        )

    def _offered(self, choice: Choice) -> list[Gateway]:
        return self.till.offered(choice.total.currency, [share.creditor for share in choice.shares])

    def _chosen(self, asked: Asked, choices: Sequence[Choice], part: str | None) -> Choice | None:
        form = asked.form
        known = [one.value for one in choices] + ([PART] if part else [])
        value = known[0] if len(known) == 1 else form.choice("what", known, needed="paying.what_needed")
        if value != PART or not part:
            return next((one for one in choices if one.value == value), None)
        whole = _shares(asked.owed)
        most = sum(share.amount_minor for share in whole)
        amount = form.amount("amount", part, asked.language, most_minor=most)
        if amount is None:
            return None
        return Choice(PART, "", amount, divide(amount.amount_minor, whole))

    def _gateway(self, asked: Asked, gateways: dict[str, Gateway], choice: Choice | None) -> Gateway | None:
        names = list(gateways)
        name = (
            names[0] if len(names) == 1 else asked.form.choice("gateway", names, needed="paying.how_needed")
        )
        gateway = gateways.get(name)
        if gateway and choice and gateway not in self._offered(choice):
            asked.form.fault("gateway", "paying.not_for_this")
            return None
        return gateway

    def _open(self, asked: Asked, choice: Choice, gateway: Gateway) -> Response:
        request = open_request(
            asked.conn,
            Wanted(asked.person, gateway.name, choice.value, choice.total.currency, choice.shares),
            form_id=asked.form.request_id,
            lasts_minutes=gateway.settings.lasts_minutes,
            wall=wall_clock(asked.conn),
        )
        # A press of another window at the same time may have made it: then its own gateway is the one that knows it.
        return self._start(asked, request, self.till.gateways.get(request.gateway))

    def _start(self, asked: Asked, request: PayRequest, gateway: Gateway | None) -> Response:
        """Send the payer to the gateway; to the order's page where it must be a link or a picture, or is too late."""
        here = f"/me/pay/{request.order_no}"
        wall = wall_clock(asked.conn)
        if request.state != "open" or request.expires_at <= wall or gateway is None:
            return asked.go(here)
        asked.conn.commit()  # no transaction is open while a gateway is spoken to
        started = gateway.begin(
            Order(
                order_no=request.order_no,
                amount=request.amount,
                return_url=self.till.return_url(request.order_no),
                notify_url=self.till.notify_url(gateway.name),
                now=wall,
                expires_at=request.expires_at,
                language=asked.language,
                phone=any(word in asked.user_agent for word in _PHONES),
                peer=asked.peer,
            )
        )
        if isinstance(started, Started) and started.way != "code" and not self._is_safe(started, gateway):
            started = Trouble("it sends payers to an address that is none of its own", lasting=True)
        if isinstance(started, Trouble):
            log.warning("an order was not taken", gateway=gateway.name, reason=started.reason, code="C114")
            return asked.show("pay_trouble.html", status=503, order_no=request.order_no)
        keep_start(asked.conn, request, started)
        if started.way == "redirect":
            return RedirectResponse(started.url, 303, headers(self.till.sources))
        return asked.go(here)

    def _is_safe(self, started: Started, gateway: Gateway) -> bool:
        if isinstance(gateway, SandboxGateway):
            return started.url.startswith(f"{self.till.public_url}/bank/")
        return within(started.url, list(gateway.sources))

    def show(self, asked: Asked) -> Response:
        """`/me/pay/ORDER`: what became of it. Who comes back without a visit sees that, and no amount."""
        request = find_request(asked.conn, str(asked.parameters["order_no"]))
        if request is None:
            return asked.show("gone.html", status=404, key="paying.unknown")
        visitor = asked.visitor
        own = visitor is not None and visitor.borrower_id == request.borrower_id
        gateway = self.till.gateways.get(request.gateway)
        if asked.posted and own and asked.form.get("do") == "start":
            return self._start(asked, request, gateway)
        request = self._look(asked, request)
        if asked.posted:
            return asked.go(f"/me/pay/{request.order_no}")
        late = request.expires_at <= wall_clock(asked.conn)
        return asked.show(
            "pay_state.html",
            order=request if own else None,
            order_no=request.order_no,
            state="expired" if request.state in _OPEN and late else request.state,
            receipts=receipts_of(asked.conn, request) if own else [],
            label=_label(gateway, asked) if gateway else request.gateway,
            picture=code_picture(request.pay_url) if request.way == "code" and request.pay_url else None,
        )

    def _look(self, asked: Asked, request: PayRequest) -> PayRequest:
        """The order as it stands, after asking its gateway where nothing has been heard."""
        if request.state not in _OPEN or request.way is None:
            return request
        if not take_question(asked.conn, request, wall=wall_clock(asked.conn)):
            return request
        ask_about(asked.conn, self.till, request, now=asked.now)
        return find_request(asked.conn, request.order_no) or request

    def bank(self, asked: Asked) -> Response:
        """`/bank/ORDER`: the sandbox's bank, where its payer chooses what happens."""
        request = find_request(asked.conn, str(asked.parameters["order_no"]))
        gateway = self.till.gateways.get(request.gateway) if request else None
        if request is None or not isinstance(gateway, SandboxGateway):
            return asked.show("gone.html", status=404, key="paying.unknown")
        press = asked.form.get("press")
        if asked.posted and press in BANK:
            BANK[press](asked, gateway, request)
            return asked.go(f"/me/pay/{request.order_no}")
        return asked.show("bank.html", order=request, presses=list(BANK))


def _label(gateway: Gateway, asked: Asked) -> str:
    """What borrowers read."""
    labels = gateway.settings.label
    if isinstance(gateway, SandboxGateway) and not labels:
        return asked.say("paying.sandbox")
    return labels.get(asked.language) or labels.get("en") or next(iter(labels.values()), gateway.name)
