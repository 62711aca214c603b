"""Each far end first takes what the vendor's own client sends: our adapters are then held to the same."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from duecourse.channels.http.jose import read_key
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import sandbox_key
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.webpush.far_end import subscription
from duecourse.channels.wechat.account import WechatAccount, WechatSettings
from duecourse.channels.wechat.envelope import Envelope, is_signed, signature
from duecourse.channels.wechat.events import parse
from duecourse.channels.wechat.far_end import AES_KEY, APP_ID, TOKEN

from . import sdks
from .cases.apns import device_token
from .cases.wechat import openid
from .conformance import Journal, digest

APNS = ("aioapns==4.0",)
FIREBASE = ("firebase-admin==7.1.0",)
JPUSH = ("jpush==3.4.1",)
WEBPUSH = ("pywebpush==2.5.0",)
WECHATPY = ("wechatpy==1.8.18", "cryptography", "setuptools<81")
TEXT = "请在今天 18:00 前查看账单"
KINDS = ("app.apns", "app.fcm", "app.jpush", "webpush.vapid", "wechat.service")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox"), ports=dict.fromkeys(KINDS, 0)) as running:
        yield running


@pytest.fixture
def journal(sandbox: SandboxProcess) -> Journal:
    journal = Journal(sandbox.log)
    journal.set_mark()
    return journal


def texts(journal: Journal, kind: str) -> list[str]:
    return [e["text_sha256"] for e in journal.events() if e["event"] == "taken" and e["kind"] == kind]


def test_the_sandboxes_apple_takes_what_aioapns_sends(sandbox, journal):
    tokens = [
        device_token(each, 1) for each in (Behaviour.DELIVERED, Behaviour.REFUSED, Behaviour.UNDELIVERABLE)
    ]
    given = sandbox.settings("app.apns") | {"port": sandbox.ports["app.apns"], "tokens": tokens, "text": TEXT}
    answers = sdks.run("apns", APNS, given)
    assert answers == [["200", None], ["400", "BadDeviceToken"], ["410", "Unregistered"]]
    assert texts(journal, "app.apns") == [digest(TEXT)]


def test_the_sandboxes_apple_refuses_a_key_that_is_not_the_teams(sandbox, journal):
    settings = sandbox.settings("app.apns") | {"key_id": "ANOTHERKEY", "port": sandbox.ports["app.apns"]}
    answers = sdks.run(
        "apns", APNS, settings | {"tokens": [device_token(Behaviour.DELIVERED, 1)], "text": TEXT}
    )
    assert answers == [["403", "InvalidProviderToken"]]
    assert texts(journal, "app.apns") == []


def test_the_sandboxes_firebase_takes_what_firebase_admin_sends(sandbox, journal):
    tokens = [f"cJ9x:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx{ending}" for ending in ("_ok_", "0002", "0008")]
    answers = sdks.run("fcm", FIREBASE, sandbox.settings("app.fcm") | {"tokens": tokens, "text": TEXT})
    assert answers[0].startswith("projects/duecourse-sandbox/messages/")
    assert answers[1:] == ["UnregisteredError", "UnavailableError"]
    assert texts(journal, "app.fcm") == [digest(TEXT)]


def test_the_sandboxes_jpush_takes_what_its_own_client_sends(sandbox, journal):
    settings = sandbox.settings("app.jpush") | {"text": TEXT}
    answers = sdks.run("jpush_client", JPUSH, settings | {"tokens": ["1507bfd3a7beef", "1507bfd3a70002"]})
    assert answers[0].isdigit() and answers[1] == 1011
    assert texts(journal, "app.jpush") == [digest(TEXT)]
    refused = sdks.run(
        "jpush_client", JPUSH, settings | {"tokens": ["1507bfd3a7beef"], "master_secret": "wrong"}
    )
    assert refused == ["unauthorized"]


def test_the_sandboxes_browsers_read_what_pywebpush_sends(sandbox, journal):
    settings = sandbox.settings("webpush.vapid")
    browsers = [subscription(f"browser-{ending}", settings["gateway"]) for ending in ("beef", "0001", "0002")]
    answers = sdks.run("webpush", WEBPUSH, settings | {"subscriptions": browsers, "text": TEXT})
    assert answers == [201, 410, 404]
    assert texts(journal, "webpush.vapid") == [digest(TEXT)]


def test_the_sandboxes_wechat_takes_what_wechatpy_sends(sandbox, journal):
    settings = sandbox.settings("wechat.service")
    given = settings | {"token": lent_token(settings), "text": "due 3-10"}
    answers = sdks.run(
        "wechat",
        WECHATPY,
        given | {"openids": [openid(Behaviour.DELIVERED, 1), openid(Behaviour.REFUSED, 1)]},
    )
    assert isinstance(answers["sent"][0], int) and answers["sent"][1] == 40003
    assert answers["ticket"]
    assert texts(journal, "wechat.service") == [digest("due 3-10")]


def lent_token(settings: dict) -> str:
    async def ask() -> str:
        account = WechatAccount("test", WechatSettings.model_validate(settings))
        account.line.open()
        try:
            token = await account.credential.get()
            assert isinstance(token, str)
            return token
        finally:
            await account.line.close()

    return asyncio.run(ask())


def test_wechatpy_opens_what_we_seal_and_we_what_it_seals():
    message = "<xml><Content>您好 hello</Content></xml>"
    stamp, nonce = str(int(time.time())), "n0nce"
    ours = Envelope(AES_KEY, APP_ID)
    sealed = ours.seal(message.encode())
    given = {
        "callback_token": TOKEN,
        "aes_key": AES_KEY,
        "app_id": APP_ID,
        "sealed": sealed,
        "signature": signature(TOKEN, stamp, nonce, sealed),
        "timestamp": stamp,
        "nonce": nonce,
        "message": message,
    }
    theirs = sdks.run("wechat", WECHATPY, given)
    assert theirs["opened"] == message
    assert theirs["signature"] == signature(TOKEN, stamp, nonce)
    envelope = parse(theirs["envelope"].encode())
    encrypted = envelope.findtext("Encrypt") or ""
    assert is_signed(envelope.findtext("MsgSignature") or "", TOKEN, stamp, nonce, encrypted)
    assert ours.open(encrypted).decode() == message


def test_http_ece_reads_what_we_encrypt():
    import base64

    from cryptography.hazmat.primitives import serialization

    from duecourse.channels.webpush.encryption import Keys, encrypt, point

    browser, auth = sandbox_key("a browser"), b"0123456789abcdef"
    body = encrypt(TEXT.encode(), Keys(point(browser.public_key()), auth))
    pem = browser.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    given = {
        "body": base64.b64encode(body).decode(),
        "auth": base64.b64encode(auth).decode(),
        "browser": pem.decode(),
    }
    assert sdks.run("webpush_read", WEBPUSH, given) == TEXT


def test_pyjwt_reads_our_tokens_and_we_read_its(sandbox):
    from cryptography.hazmat.primitives import serialization

    from duecourse.channels.http.jose import read_token, sign_token

    account = json.loads(sandbox.settings("app.fcm")["service_account"])
    pems = {"ES256": sandbox.settings("app.apns")["key"], "RS256": account["private_key"]}
    ours = []
    for algorithm, pem in pems.items():
        key = read_key(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        token = sign_token({"iss": "us", "iat": 1}, key, kid="K")
        ours.append({"token": token, "public": public.decode(), "private": pem, "algorithm": algorithm})
    told = sdks.run("jwt_read", APNS, {"ours": ours})
    assert told["read"] == [{"iss": "us", "iat": 1}] * 2
    for made, pem in zip(told["made"], pems.values(), strict=True):
        assert read_token(made, read_key(pem).public_key())[1] == {"iss": "them"}
