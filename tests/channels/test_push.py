from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from duecourse.channels.http.jose import read_token, sign_token, unb64url
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import sandbox_key
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.webpush.encryption import MOST_PLAIN_OCTETS, Keys, decrypt, encrypt, point
from duecourse.channels.webpush.far_end import subscription
from duecourse.domain.messaging import Accepted, AccountTrouble, Cause, Outcome, Outgoing, Refused
from duecourse.domain.problems import DuecourseError

from .cases.apns import device_token
from .cases.wechat import openid, template_message
from .conformance import Journal, Sink, message_to

SAMPLES = Path(__file__).parent / "samples"
KINDS = {
    "apns": "app.apns", "fcm": "app.fcm", "jpush": "app.jpush", "webpush": "webpush.vapid", "wechat": "wechat.service",
}  # fmt: skip
FCM_TOKEN = "cJ9x:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_ok_"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(folder, ports=dict.fromkeys(KINDS.values(), 0)) as running:
        yield running


def now() -> datetime:
    return datetime.now(UTC)


def adapter_of(
    sandbox: SandboxProcess, kind: str, clock: Callable[[], datetime] = now, **changes: Any
) -> Any:
    sink = Sink()
    return build(kind, "test", sandbox.settings(kind) | changes, sink.on_receipts, sink.on_reply, clock)


def sent(adapter: Any, *messages: Outgoing) -> list[Outcome]:
    async def run() -> list[Outcome]:
        await adapter.open()
        try:
            return list(await adapter.send(messages))
        finally:
            await adapter.close()

    return asyncio.run(run())


def asked(adapter: Any, outgoing: Outgoing) -> Ask:
    """The request that hands it over. Without a connection: only for families that need no token lent first."""
    ask = asyncio.run(adapter.ask_for(outgoing))
    assert isinstance(ask, Ask), ask
    return ask


def samples() -> Iterator[Any]:
    for family, kind in KINDS.items():
        for at, each in enumerate(json.loads((SAMPLES / family / "answers.json").read_text())["answers"]):
            yield pytest.param(kind, each, id=f"{family}-{at}-{each['status']}")


@pytest.mark.parametrize(("kind", "sample"), list(samples()))
def test_answers_mean_what_the_providers_documents_say(kind, sample, sandbox):
    body = sample["body"] if isinstance(sample["body"], str) else json.dumps(sample["body"])
    outgoing = Outgoing(attempt_id=uuid4(), address="a", text="t")
    outcome = adapter_of(sandbox, kind).outcome_of(outgoing, Answer(sample["status"], {}, body.encode()))
    assert type(outcome).__name__ == sample["outcome"]
    if isinstance(outcome, Refused):
        assert (outcome.permanent, outcome.cause) == (sample["permanent"], Cause(sample["cause"]))


def test_pause_is_as_long_as_the_provider_asks(sandbox):
    outgoing = Outgoing(attempt_id=uuid4(), address="a", text="t")
    for kind in ("app.apns", "app.fcm", "app.jpush", "webpush.vapid"):
        adapter = adapter_of(sandbox, kind, throttle_pause_seconds=7)
        assert adapter.outcome_of(outgoing, Answer(429, {"retry-after": "90"}, b"")).after_seconds == 90
        assert adapter.outcome_of(outgoing, Answer(429, {}, b"")).after_seconds == 7


# Signatures: published examples.


def test_example_of_rfc_7515_is_read():
    """Appendix A.3.1."""
    token = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290I"
        "jp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    x = unb64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
    y = unb64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    header, claims = read_token(token, key)
    assert header == {"alg": "ES256"}
    assert claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_example_of_rfc_8292_is_read():
    """Section 2.4."""
    token = (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsI"
        "nN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmy"
        "sazNjjvW2L9OkSSHzvoD1oA"
    )
    k = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64url(k))
    _, claims = read_token(token, key)
    assert claims == {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_altered_token_is_not_believed(at):
    parts = sign_token({"iss": "lender"}, sandbox_key("apns"), kid="K").split(".")
    parts[at] = ("A" if parts[at][5] != "A" else "B").join((parts[at][:5], parts[at][6:]))
    with pytest.raises(ValueError):
        read_token(".".join(parts), sandbox_key("apns").public_key())


def test_example_of_rfc_8291_is_reproduced():
    """Section 5 and appendix A."""
    sender = ec.derive_private_key(
        int.from_bytes(unb64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    browser = ec.derive_private_key(
        int.from_bytes(unb64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")), ec.SECP256R1()
    )
    auth, salt = unb64url("BTBZMqHH6r4Tts7J_aSIgg"), unb64url("DGv6ra1nlYgDCS1FRnbzlw")
    plain = b"When I grow up, I want to be a watermelon"
    body = encrypt(plain, Keys(point(browser.public_key()), auth), sender=sender, salt=salt)
    assert body == unb64url(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert decrypt(body, browser, auth) == plain


def test_push_message_is_read_by_its_browser_alone_and_never_exceeds_what_services_take():
    browser, auth = sandbox_key("a"), b"0123456789abcdef"
    body = encrypt(b"x" * MOST_PLAIN_OCTETS, Keys(point(browser.public_key()), auth))
    assert len(body) == 4096
    assert decrypt(body, browser, auth) == b"x" * MOST_PLAIN_OCTETS
    for key, secret in ((sandbox_key("b"), auth), (browser, b"another secret..")):
        with pytest.raises(ValueError):
            decrypt(body, key, secret)
    with pytest.raises(ValueError):
        encrypt(b"x" * (MOST_PLAIN_OCTETS + 1), Keys(point(browser.public_key()), auth))


# What goes out.


def test_lock_screen_shows_the_quiet_text_and_the_app_alone_gets_the_link(sandbox):
    adapter = adapter_of(sandbox, "app.apns", topic="bank.example")
    outgoing = message_to(device_token(Behaviour.DELIVERED, 1), "请查看账单", link="https://l.example/x")
    told = json.loads(asked(adapter, outgoing).content)
    assert told == {
        "aps": {"alert": {"title": "Payment due", "body": "请查看账单"}},
        "message": str(outgoing.attempt_id),
        "link": "https://l.example/x",
    }


def test_apple_is_told_until_when_a_notification_is_of_use(sandbox):
    at = datetime(2026, 3, 10, 1, tzinfo=UTC)
    adapter = adapter_of(sandbox, "app.apns", lambda: at)
    outgoing = message_to(device_token(Behaviour.DELIVERED, 1), valid_for_seconds=3600)
    headers = asked(adapter, outgoing).headers
    assert headers["apns-expiration"] == str(int(at.timestamp()) + 3600)
    assert headers["apns-id"] == str(outgoing.attempt_id)
    assert headers["apns-push-type"] == "alert"


def test_provider_token_is_made_anew_after_40_minutes_and_not_before(sandbox):
    began = datetime(2026, 3, 10, 1, tzinfo=UTC)
    clock = iter([began, began + timedelta(minutes=39), began + timedelta(minutes=41)])
    adapter = adapter_of(sandbox, "app.apns", lambda: next(clock))
    outgoing = message_to(device_token(Behaviour.DELIVERED, 1))
    tokens = [asked(adapter, outgoing).headers["authorization"] for _ in range(3)]
    assert tokens[0] == tokens[1] != tokens[2]
    issued = [read_token(token.split()[1], sandbox_key("apns").public_key())[1]["iat"] for token in tokens]
    assert issued[2] - issued[0] == 41 * 60


def test_provider_token_that_apple_finds_old_is_made_anew_and_the_message_goes(sandbox):
    """The clock was two hours slow when the token was made, and is right a moment later."""
    clock = iter([now() - timedelta(hours=2)])
    adapter = adapter_of(sandbox, "app.apns", lambda: next(clock, now()))
    (outcome,) = sent(adapter, message_to(device_token(Behaviour.DELIVERED, 1)))
    assert isinstance(outcome, Accepted)


def test_clock_that_stays_wrong_is_account_trouble(sandbox):
    adapter = adapter_of(sandbox, "app.apns", lambda: now() - timedelta(hours=2))
    (outcome,) = sent(adapter, message_to(device_token(Behaviour.DELIVERED, 1)))
    assert isinstance(outcome, AccountTrouble)


@pytest.mark.parametrize("kind", ["app.apns", "app.fcm", "webpush.vapid"])
def test_text_too_long_for_a_push_is_refused_without_asking(kind, sandbox):
    address = {
        "app.apns": device_token(Behaviour.DELIVERED, 1),
        "app.fcm": FCM_TOKEN,
        "webpush.vapid": subscription("browser-beef"),
    }
    outcome = asyncio.run(adapter_of(sandbox, kind).ask_for(message_to(address[kind], "长" * 1400)))
    assert isinstance(outcome, Refused) and not outcome.permanent and outcome.cause is Cause.CONTENT


def test_browser_of_an_unknown_push_service_is_not_posted_to(sandbox):
    adapter = adapter_of(sandbox, "webpush.vapid", services=["push.services.mozilla.com"])
    for host in (
        "169.254.169.254",
        "push.services.mozilla.com.evil.example",
        "evilpush.services.mozilla.com",
    ):
        address = subscription("browser-beef", f"https://{host}")
        outcome = asyncio.run(adapter.ask_for(message_to(address)))
        assert isinstance(outcome, Refused) and not outcome.permanent, host
    good = subscription("browser-beef", "https://updates.push.services.mozilla.com")
    assert isinstance(asyncio.run(adapter.ask_for(message_to(good))), Ask)


@pytest.mark.parametrize(
    "endpoint", ["http://fcm.googleapis.com/x", "https://u:p@fcm.googleapis.com/x", "/x"]
)
def test_subscription_that_is_not_plain_https_is_no_address(endpoint, sandbox):
    broken = json.loads(subscription("browser-beef")) | {"endpoint": endpoint}
    (outcome,) = sent(adapter_of(sandbox, "webpush.vapid"), message_to(json.dumps(broken)))
    assert isinstance(outcome, Refused) and outcome.permanent


# Credentials lent for a while.


def test_tokens_are_lent_once_for_all_messages_and_once_more_when_they_are_lost(tmp_path: Path):
    kinds = {"app.fcm": FCM_TOKEN, "wechat.service": openid(Behaviour.DELIVERED, 1)}
    with SandboxProcess(tmp_path, ports=dict.fromkeys(kinds, 0)) as sandbox:
        journal = Journal(sandbox.log)
        for kind, address in kinds.items():
            make = template_message if kind == "wechat.service" else message_to

            async def run(kind: str = kind, address: str = address, make: Any = make) -> None:
                adapter = adapter_of(sandbox, kind, response_seconds=20)
                await adapter.open()
                try:
                    for _ in range(2):
                        outcomes = await adapter.send([make(address, f"text {at}") for at in range(60)])
                        assert {type(outcome) for outcome in outcomes} == {Accepted}
                        sandbox.kill()
                        sandbox.start()  # it has forgotten what it lent
                finally:
                    await adapter.close()

            asyncio.run(run())
            asked = sum(e["event"] == "token" and e["kind"] == kind for e in journal.events())
            assert asked == 2


def test_wrong_secret_is_account_trouble_and_asked_once_for_all(tmp_path: Path):
    with SandboxProcess(tmp_path, ports={"wechat.service": 0}) as sandbox:
        adapter = adapter_of(sandbox, "wechat.service", app_secret="wrong", rest_seconds=600)
        messages = [template_message(openid(Behaviour.DELIVERED, at)) for at in range(30)]
        outcomes = sent(adapter, *messages)
        assert {type(outcome) for outcome in outcomes} == {AccountTrouble}
        assert {outcome.code for outcome in outcomes if isinstance(outcome, AccountTrouble)} == {"40125"}
        assert sum(event["event"] == "token" for event in Journal(sandbox.log).events()) == 1


def test_two_workers_are_lent_the_same_token_and_end_neither_ones(tmp_path: Path):
    with SandboxProcess(tmp_path, ports={"wechat.service": 0}) as sandbox:

        async def run() -> None:
            first, second = (adapter_of(sandbox, "wechat.service") for _ in range(2))
            await first.open()
            await second.open()
            try:
                for adapter in (first, second, first, second):
                    (outcome,) = await adapter.send([template_message(openid(Behaviour.DELIVERED, 1))])
                    assert isinstance(outcome, Accepted)
            finally:
                await first.close()
                await second.close()

        asyncio.run(run())
        events = Journal(sandbox.log).events()
        assert sum(event["event"] == "token" for event in events) == 2


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("app.apns", {"key": None}),
        ("app.apns", {"key_file": "/also/a/file"}),
        ("app.apns", {"key": "not a key"}),
        ("app.fcm", {"service_account": "{}"}),
        ("webpush.vapid", {"key": "not a key"}),
        ("wechat.service", {"encoding_aes_key": "short"}),
    ],
)
def test_unusable_key_is_told_before_anything_is_sent_and_never_quoted(kind, changes, sandbox):
    with pytest.raises(DuecourseError) as caught:
        adapter_of(sandbox, kind, **changes)
    (problem,) = caught.value.problems
    assert problem.code == "C003"
    assert not any(
        value and str(value) in str(problem) and not value.startswith("/") for value in changes.values()
    )


def test_secrets_do_not_show_in_settings(sandbox):
    for kind in KINDS.values():
        shown = repr(adapter_of(sandbox, kind).settings)
        given = sandbox.settings(kind)
        secret = (
            "key",
            "service_account",
            "master_secret",
            "app_secret",
            "callback_token",
            "encoding_aes_key",
        )
        assert not any(str(given[name]) in shown for name in secret if name in given)
