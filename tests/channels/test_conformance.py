from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from duecourse.channels.http.listener import Listener, callbacks
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.domain.messaging import (
    Accepted,
    Adapter,
    Deferred,
    NotWritten,
    Outcome,
    ReceiptStatus,
    Receives,
    Refused,
    Throttled,
    Unknown,
)

from .cases import CASES
from .conformance import (
    SILENT_SECONDS,
    Case,
    Journal,
    Sink,
    adapter_of,
    digest,
    send_until_taken,
    taken,
    until,
)

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)


def each_that_can(*behaviours: Behaviour) -> pytest.MarkDecorator:
    """The cases whose addresses can behave so."""
    able = [case for case in CASES if not case.lacks & set(behaviours)]
    return pytest.mark.parametrize("case", able, ids=lambda case: case.kind)


each_with_a_peer = pytest.mark.parametrize(
    "case", [case for case in CASES if case.needs_peer], ids=lambda case: case.kind
)
each_that_tells = pytest.mark.parametrize(
    "case", [case for case in CASES if case.tells_delivery], ids=lambda case: case.kind
)
each_that_tells_failure = pytest.mark.parametrize(
    "case", [case for case in CASES if case.tells_delivery and case.tells_failure], ids=lambda case: case.kind
)
each_that_is_acknowledged = pytest.mark.parametrize(
    "case", [case for case in CASES if case.tells_delivery and case.acknowledges], ids=lambda case: case.kind
)
each_of_free_text = pytest.mark.parametrize(
    "case", [case for case in CASES if case.free_text], ids=lambda case: case.kind
)
LISTENING = socket.create_server(("127.0.0.1", 0), backlog=1024)
"""Held for as long as the module runs, so that nobody else gets the port between two tests."""
CALLBACK_PORT = LISTENING.getsockname()[1]
RULES = SandboxRules(throttled_times=1, late_seconds=0.3)
LONG_TEXTS = [
    "x",
    "€" * 90,
    "Reminder: " + "your car loan installment is due. " * 20,
    "您好，您的住房按揭贷款本期应还款项即将到期，请确保账户余额充足。" * 8,
    "🏠" * 100 + "到期" + "🚗" * 35,
    "尊敬的客户：\n本期应还 ¥1,500.00。\n如已还款，请忽略。" * 5,
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with sandbox_of(CASES, folder) as running:
        yield running


def sandbox_of(cases: Sequence[Case], folder: Path) -> SandboxProcess:
    """Not yet started; it posts receipts to CALLBACK_PORT of this machine, where they wait while no test listens."""
    ports = {case.kind: 0 for case in cases}
    return SandboxProcess(
        folder, rules=RULES, ports=ports, callbacks_url=f"http://127.0.0.1:{CALLBACK_PORT}/callbacks"
    )


@pytest.fixture
def journal(sandbox: SandboxProcess) -> Journal:
    journal = Journal(sandbox.log)
    journal.set_mark()
    return journal


def with_adapter(
    case: Case,
    sandbox: SandboxProcess,
    body: Callable[[Adapter, Sink], Awaitable[None]],
    **changes: object,
) -> None:
    """Run `body` with an open adapter; afterwards close() must leave no task behind."""

    async def run() -> None:
        sink = Sink()
        adapter = adapter_of(case, sandbox, sink, **changes)
        await adapter.open()
        listener = None
        if isinstance(adapter, Receives):
            listener = Listener(callbacks({provider_name(case.kind): adapter}))
            await listener.start(listening=LISTENING.dup())
        try:
            await body(adapter, sink)
        finally:
            # Nothing that is still owed may come to the next test.
            sink.failures_left, sink.gate = 0, None
            if sandbox.pid:
                await asyncio.wait_for(adapter.drain(), 60)
            if listener is not None:
                await listener.stop()
            await asyncio.wait_for(adapter.close(), 10)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def one(case: Case, sandbox: SandboxProcess, behaviour: Behaviour, index: int) -> Outcome:
    outcomes: list[Outcome] = []

    async def body(adapter: Adapter, sink: Sink) -> None:
        outcomes.append(await send_until_taken(adapter, case.message(case.address(behaviour, index))))

    with_adapter(case, sandbox, body)
    return outcomes[0]


@each_that_tells
def test_taken_message_is_accepted_and_its_delivery_is_told(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        outgoing = case.message(case.address(Behaviour.DELIVERED, 1))
        outcome = await send_until_taken(adapter, outgoing)
        assert isinstance(outcome, Accepted) and outcome.provider_id and outcome.parts == 1
        await adapter.drain()
        (receipt,) = sink.receipts
        assert receipt.status is case.delivered
        assert receipt.provider_id == outcome.provider_id or receipt.attempt_id == outgoing.attempt_id
        assert taken(case, journal.events()) == [case.mark(outgoing)]

    with_adapter(case, sandbox, body)


@each_that_tells_failure
def test_undeliverable_message_fails_for_good(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.UNDELIVERABLE, 2)))
        await adapter.drain()
        (receipt,) = sink.receipts
        assert (receipt.status, receipt.permanent) == (ReceiptStatus.FAILED, case.tells_dead)

    with_adapter(case, sandbox, body)


@each_that_can(Behaviour.REFUSED)
def test_dead_address_is_refused_for_good(case, sandbox):
    outcome = one(case, sandbox, Behaviour.REFUSED, 3)
    assert isinstance(outcome, Refused) and outcome.permanent


@each_that_can(Behaviour.BROKEN)
def test_trouble_at_the_provider_says_nothing_of_the_address(case, sandbox):
    outcome = one(case, sandbox, Behaviour.BROKEN, 4)
    assert isinstance(outcome, Deferred) or (isinstance(outcome, Refused) and not outcome.permanent)


@each_that_can(Behaviour.THROTTLED)
def test_throttled_message_was_not_taken_and_goes_later(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        outgoing = case.message(case.address(Behaviour.THROTTLED, 5))
        first = await send_until_taken(adapter, outgoing)
        assert isinstance(first, Throttled) and first.after_seconds == 0.1
        assert taken(case, journal.events()) == []
        assert isinstance(await send_until_taken(adapter, outgoing), Accepted)

    with_adapter(case, sandbox, body)


@each_case
def test_message_past_its_time_never_reaches_the_wire(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 6)))
        late = case.message(
            case.address(Behaviour.DELIVERED, 7), "late", write_before=time.monotonic() - 0.001
        )
        stale = case.message(case.address(Behaviour.DELIVERED, 7), "stale", valid_for_seconds=0)
        outcomes = await adapter.send([late, stale])
        assert [type(outcome) for outcome in outcomes] == [NotWritten, NotWritten]
        await adapter.drain()
        assert len(taken(case, journal.events())) == 1

    with_adapter(case, sandbox, body)


@each_that_can(Behaviour.UNANSWERED)
def test_silent_peer_leaves_unknown_at_the_deadline(case, sandbox):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 8)))
        silent = case.message(case.address(Behaviour.UNANSWERED, 9))
        assert isinstance(await asyncio.wait_for(send_until_taken(adapter, silent), 15), Unknown)

    with_adapter(case, sandbox, body, response_seconds=SILENT_SECONDS)


@each_that_can(Behaviour.REFUSED, Behaviour.BROKEN)
def test_outcomes_stand_in_the_order_of_the_batch(case, sandbox):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 10)))
        behaviours = [Behaviour.DELIVERED, Behaviour.REFUSED, Behaviour.BROKEN, Behaviour.SILENT] * case.many(
            30
        )
        batch = [case.message(case.address(each, 100 + at)) for at, each in enumerate(behaviours)]
        outcomes = await adapter.send(batch)
        expected = {Behaviour.REFUSED: (Refused,), Behaviour.BROKEN: (Refused, Deferred)}
        for outcome, each in zip(outcomes, behaviours, strict=True):
            assert isinstance(outcome, expected.get(each, (Accepted,))), each

    with_adapter(case, sandbox, body)


@each_of_free_text
def test_any_text_arrives_whole(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        batch = [
            case.message(case.address(Behaviour.DELIVERED, 300 + at), text)
            for at, text in enumerate(LONG_TEXTS)
        ]
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 299)))
        outcomes = await adapter.send(batch)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        await adapter.drain()
        assert set(map(digest, LONG_TEXTS)) <= set(taken(case, journal.events()))
        # A long message is one attempt: one receipt, however many parts it had.
        assert len(sink.receipts) == (len(LONG_TEXTS) + 1 if case.tells_delivery else 0)

    with_adapter(case, sandbox, body)


@each_that_tells
def test_drain_commits_every_receipt_the_peer_had_sent(case, sandbox):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 400)))
        many = case.many(300)
        batch = [case.message(case.address(Behaviour.DELIVERED, 401 + at)) for at in range(many)]
        outcomes = await adapter.send(batch)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        await adapter.drain()
        assert len(sink.receipts) == many + 1

    with_adapter(case, sandbox, body)


@each_that_is_acknowledged
def test_receipt_is_acknowledged_only_after_it_is_committed(case, sandbox, journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        before = case.in_hand(sandbox, journal.events())
        sink.failures_left, sink.gate = 1, asyncio.Event()
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 800)))
        await asyncio.wait_for(sink.entered.wait(), 10)
        await asyncio.sleep(0.1)
        assert case.in_hand(sandbox, journal.events()) == before, "acknowledged while being committed"
        sink.entered.clear()
        gate, sink.gate = sink.gate, asyncio.Event()
        gate.set()
        await asyncio.wait_for(sink.entered.wait(), 10)
        assert sink.failed == 1, "the peer sends it again"
        assert case.in_hand(sandbox, journal.events()) == before, "acknowledged although it failed"
        sink.gate.set()
        await until(lambda: case.in_hand(sandbox, journal.events()) == before + 1)
        assert len(sink.receipts) == 1

    with_adapter(case, sandbox, body)


@each_with_a_peer
def test_killed_peer_leaves_each_message_one_outcome_true_to_the_peers_journal(case, tmp_path: Path):
    sandbox = sandbox_of([case], tmp_path).start()
    journal = Journal(sandbox.log)

    async def body(adapter: Adapter, sink: Sink) -> None:
        window, many = adapter.window, case.many(6000)
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, many)))
        batch = [case.message(case.address(Behaviour.DELIVERED, at), f"message {at}") for at in range(many)]
        sending = asyncio.create_task(adapter.send(batch))
        await until(lambda: len(taken(case, journal.events())) > case.many(50))
        sandbox.kill()
        outcomes = await asyncio.wait_for(sending, 60)
        assert len(outcomes) == len(batch)
        on_record = set(taken(case, journal.events()))
        accepted = {case.mark(m) for m, o in zip(batch, outcomes, strict=True) if isinstance(o, Accepted)}
        unwritten = {case.mark(m) for m, o in zip(batch, outcomes, strict=True) if isinstance(o, NotWritten)}
        assert accepted <= on_record
        assert not unwritten & on_record
        assert unwritten, "the peer was killed in the middle"
        assert {type(outcome) for outcome in outcomes} <= {Accepted, Unknown, NotWritten}
        assert len(outcomes) - len(accepted) - len(unwritten) <= window

        sandbox.start()
        assert isinstance(
            await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 2))), Accepted
        )

    try:
        with_adapter(case, sandbox, body)
    finally:
        sandbox.stop()


@each_with_a_peer
def test_absent_peer_leaves_everything_unwritten(case, tmp_path: Path):
    async def body(adapter: Adapter, sink: Sink) -> None:
        batch = [case.message(case.address(Behaviour.DELIVERED, at)) for at in range(5)]
        outcomes = await asyncio.wait_for(adapter.send(batch), 15)
        assert [type(outcome) for outcome in outcomes] == [NotWritten] * 5

    with socket.socket() as nobody:  # holds a port, and does not listen on it
        nobody.bind(("127.0.0.1", 0))
        sandbox = sandbox_of([case], tmp_path)
        sandbox.ports[case.kind] = nobody.getsockname()[1]
        with_adapter(case, sandbox, body)


@each_case
def test_nothing_is_sent_before_open(case, sandbox, journal):
    async def run() -> None:
        adapter = adapter_of(case, sandbox, Sink())
        (outcome,) = await adapter.send([case.message(case.address(Behaviour.DELIVERED, 900))])
        assert isinstance(outcome, NotWritten)
        await adapter.close()

    asyncio.run(run())
    assert taken(case, journal.events()) == []


@each_case
def test_unusable_address_is_refused_for_good_without_quoting_it(case, sandbox):
    async def body(adapter: Adapter, sink: Sink) -> None:
        (outcome,) = await adapter.send([case.message("not an address")])
        if isinstance(outcome, NotWritten):
            outcome = await send_until_taken(adapter, case.message("not an address"))
        assert isinstance(outcome, Refused) and outcome.permanent
        assert "not an address" not in outcome.reason

    with_adapter(case, sandbox, body)


@each_case
def test_logs_hold_nothing_personal(case, sandbox, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    secret_text = "Wang Wei owes 1234.56"
    addresses = [case.address(behaviour, 950) for behaviour in Behaviour]

    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, case.message(case.address(Behaviour.DELIVERED, 951)))
        sink.failures_left = 1
        outcomes = await adapter.send([case.message(address, secret_text) for address in addresses])
        await adapter.drain()
        for outcome in outcomes:
            assert not any(address in repr(outcome) for address in addresses)

    patience = {"response_seconds": SILENT_SECONDS} if case.needs_peer else {}
    with_adapter(case, sandbox, body, **patience)
    for personal in (secret_text, *addresses, *(address.lstrip("+") for address in addresses)):
        assert personal not in caplog.text
