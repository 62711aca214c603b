"""The worker of that team: `celery -A bench.queue_peer.team worker`. One task a message.

Written to be quick, not to be easy to beat: prefork processes with a pooled database connection and one SMPP session
each, prefetching, no result backend, no rate limits, no events; one SELECT joined to all that is read, one UPDATE.
It is spared what a book with people's debts cannot do without: no attempt is written before the provider is called, so
that a killed worker sends again; no receipt is heard, no history kept, nothing merged; caps are counted, not kept to.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import smpplib.client
import smpplib.consts
import smpplib.gsm
from celery import Celery
from celery.signals import worker_process_init
from sqlalchemy import create_engine, exists, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    contains_eager,
    foreign,
    mapped_column,
    relationship,
    sessionmaker,
)

from duecourse.content.render import Renderer
from duecourse.content.variables import Facts, Item
from duecourse.policy.load import load_policy
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from ..book import TEXT

app = Celery("team", broker=os.environ["TEAM_BROKER"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_serializer="json",
    worker_prefetch_multiplier=int(os.environ.get("TEAM_PREFETCH", "64")),
    worker_disable_rate_limits=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
)
HOURS = (8, 21)
CAP = 3
"""Messages to a person in seven days."""


class Base(DeclarativeBase):
    """The tables as they are; only what the worker reads of them."""


class Hold(Base):
    """Whoever has one is not written to."""

    __tablename__ = "hold"
    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    lane: Mapped[int]
    borrower_id: Mapped[UUID]
    ended_at: Mapped[datetime | None]


class Suppressed(Base):
    """Numbers that are not written to."""

    __tablename__ = "suppression"
    index_hash: Mapped[bytes] = mapped_column(primary_key=True)


class Contact(Base):
    """What was said before, for the cap."""

    __tablename__ = "contact"
    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    lane: Mapped[int]
    borrower_id: Mapped[UUID]
    at: Mapped[datetime]


class Borrower(Base):
    """Who is written to."""

    __tablename__ = "borrower"
    lane: Mapped[int]
    borrower_id: Mapped[UUID] = mapped_column(primary_key=True)
    name_sealed: Mapped[bytes]
    language: Mapped[str]
    zone: Mapped[str]


class ContactPoint(Base):
    """Their number."""

    __tablename__ = "contact_point"
    lane: Mapped[int]
    contact_point_id: Mapped[UUID] = mapped_column(primary_key=True)
    borrower_id: Mapped[UUID]
    channel: Mapped[str]
    state: Mapped[str]
    address_sealed: Mapped[bytes]
    address_index: Mapped[bytes]


class Loan(Base):
    """Whose installment it is."""

    __tablename__ = "loan"
    lane: Mapped[int]
    loan_id: Mapped[UUID] = mapped_column(primary_key=True)
    loan_ref: Mapped[str]
    product: Mapped[str]


class Installment(Base):
    """What is due."""

    __tablename__ = "installment"
    lane: Mapped[int]
    loan_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    due_minor: Mapped[int]
    settled_on: Mapped[date | None]
    superseded_on: Mapped[date | None]
    loan: Mapped[Loan] = relationship(
        primaryjoin=lambda: (
            (foreign(Installment.lane) == Loan.lane) & (foreign(Installment.loan_id) == Loan.loan_id)
        ),
        viewonly=True,
    )


class MessageItem(Base):
    """Which installments a message speaks of."""

    __tablename__ = "message_item"
    lane: Mapped[int]
    loan_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[UUID]
    installment: Mapped[Installment] = relationship(
        primaryjoin=lambda: (
            (foreign(MessageItem.lane) == Installment.lane)
            & (foreign(MessageItem.loan_id) == Installment.loan_id)
            & (foreign(MessageItem.number) == Installment.number)
        ),
        viewonly=True,
    )


class Message(Base):
    """One message, with all that is asked of it before it goes."""

    __tablename__ = "message"
    lane: Mapped[int]
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    borrower_id: Mapped[UUID]
    group_id: Mapped[UUID]
    template: Mapped[str]
    template_version: Mapped[int]
    creditor: Mapped[str]
    currency: Mapped[str]
    local_on: Mapped[date]
    state: Mapped[str]
    outcome: Mapped[str | None]
    useful_until: Mapped[datetime]
    borrower: Mapped[Borrower] = relationship(
        primaryjoin=lambda: (
            (foreign(Message.lane) == Borrower.lane) & (foreign(Message.borrower_id) == Borrower.borrower_id)
        ),
        viewonly=True,
    )
    point: Mapped[ContactPoint] = relationship(
        primaryjoin=lambda: (
            (foreign(Message.lane) == ContactPoint.lane)
            & (foreign(Message.borrower_id) == ContactPoint.borrower_id)
            & (ContactPoint.channel == "sms")
            & (ContactPoint.state == "active")
        ),
        viewonly=True,
        uselist=False,
    )
    items: Mapped[list[MessageItem]] = relationship(
        primaryjoin=lambda: (
            (Message.lane == foreign(MessageItem.lane)) & (Message.group_id == foreign(MessageItem.group_id))
        ),
        viewonly=True,
    )


Message.held = column_property(
    exists().where(
        Hold.lane == Message.lane, Hold.borrower_id == Message.borrower_id, Hold.ended_at.is_(None)
    )
)
Message.suppressed = column_property(
    exists().where(
        ContactPoint.lane == Message.lane,
        ContactPoint.borrower_id == Message.borrower_id,
        ContactPoint.state == "active",
        Suppressed.index_hash == ContactPoint.address_index,
    )
)
Message.said = column_property(
    select(func.count())
    .where(
        Contact.lane == Message.lane,
        Contact.borrower_id == Message.borrower_id,
        Contact.at > func.now() - timedelta(days=7),
    )
    .correlate(Message)
    .scalar_subquery()
)

READ = (
    select(Message)
    .join(Message.borrower)
    .join(Message.point)
    .join(Message.items)
    .join(MessageItem.installment)
    .join(Installment.loan)
    .options(
        contains_eager(Message.borrower),
        contains_eager(Message.point),
        contains_eager(Message.items)
        .contains_eager(MessageItem.installment)
        .contains_eager(Installment.loan),
    )
)


class Process:
    """What one worker process keeps: a pool, a session at the SMSC, the templates, the keys."""

    def __init__(self) -> None:
        engine = create_engine(os.environ["TEAM_DATABASE"], pool_size=1, max_overflow=1)
        self.sessions = sessionmaker(engine, expire_on_commit=False)
        self.keyring = Keyring.load(Path(os.environ["TEAM_KEYS"]))
        self.wording = load_policy(Path(os.environ["TEAM_POLICY"])).wording
        self.renderer = Renderer(
            {TemplateRef("due-soon", 1): [TemplateText("due-soon", "en", {"sms": TEXT})]}
        )
        self.smsc = smpplib.client.Client(
            "127.0.0.1", int(os.environ["TEAM_PORT"]), allow_unknown_opt_params=True, timeout=30
        )
        self.smsc.connect()
        self.smsc.bind_transmitter(system_id="team", password="")

    def submit(self, number: str, text: str) -> None:
        """Hand over, and wait for the SMSC's word."""
        parts, encoding, esm = smpplib.gsm.make_parts(text)
        for part in parts:
            sequence = self.smsc.send_message(
                source_addr="10690001",
                source_addr_ton=smpplib.consts.SMPP_TON_NWSPEC,
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=number.removeprefix("+"),
                short_message=part,
                data_coding=encoding,
                esm_class=esm,
                registered_delivery=False,
            ).sequence
            answer = self.smsc.read_pdu()
            if answer.command != "submit_sm_resp" or answer.sequence != sequence or answer.status:
                raise RuntimeError(f"the SMSC answered {answer.command} {answer.status}")


_process: Process | None = None


@worker_process_init.connect
def _begin(**_: Any) -> None:
    global _process
    _process = Process()


@app.task
def deliver(lane: int, message_id: str) -> None:
    """Read, check, render, send, write."""
    here = _process
    assert here is not None
    with here.sessions() as session:
        message = (
            session.scalars(READ.where(Message.lane == lane, Message.message_id == UUID(message_id)))
            .unique()
            .one()
        )
        if message.state != "planned":
            return
        message.outcome = _refused(message, datetime.now(UTC))
        if message.outcome is None:
            here.submit(*_written(here, message))
            message.outcome = "sent"
        message.state = "done"
        session.commit()


def _refused(message: Message, now: datetime) -> str | None:
    """The checks: usefulness, hours, holds, suppressed numbers, the cap, debts still open."""
    hour = now.astimezone(ZoneInfo(message.borrower.zone)).hour
    if now >= message.useful_until:
        return "expired"
    if not HOURS[0] <= hour < HOURS[1] or message.held or message.suppressed or message.said >= CAP:
        return "withheld"
    if all(one.installment.settled_on or one.installment.superseded_on for one in message.items):
        return "cancelled"
    return None


def _written(here: Process, message: Message) -> tuple[str, str]:
    """The number and the text."""
    borrower, point = message.borrower, message.point
    name = open_value(here.keyring, borrower.name_sealed, "borrower", "name", borrower.borrower_id)
    number = open_value(
        here.keyring, point.address_sealed, "contact_point", "address", point.contact_point_id
    )
    items = tuple(
        Item(
            one.installment.loan.loan_ref,
            one.installment.due_on,
            one.installment.due_minor,
            one.installment.loan.product,
        )
        for one in message.items
    )
    facts = Facts(name, message.creditor, message.currency, items, here.wording)
    rendered = here.renderer.render(
        message.template, message.template_version, borrower.language, "sms", facts
    )
    return number, rendered.text
