"""Any SMS gateway, as its description says; and descriptions that are refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from duecourse.channels.gateway.far_end import SandboxGateway
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.registry import build
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Deferred,
    RawRequest,
    ReceiptStatus,
    Refused,
    Registered,
    Throttled,
    Unknown,
)
from duecourse.domain.problems import DuecourseError

from .conformance import Sink, message_to

TEXT = '您好 "Wang" & {text} 50%\n'
ATTEMPT = UUID("0123456789abcdef0123456789abcdef")
FORM: dict[str, Any] = {
    "request": {
        "url": "https://gateway.example/send?v=2",
        "headers": {"X-Api-Key": "{secret}"},
        "body": {"mobile": "{bare}", "content": "【{signature}】{text}", "extend": "7", "report": True},
    },
    "answer": {"format": "text", "accepted_at": "0", "accepted_is": ["0"], "id_at": "1"},
    "codes": {
        "-5": "dead",
        "-9": {"meaning": "refused", "cause": "opted-out"},
        "-2": {"meaning": "slower", "after_seconds": 60},
        "-1": "account",
        "-7": "later",
        "-8": "unclear",
    },
    "secret": "key 1",
    "signature": "远东",
}
CALLBACK: dict[str, Any] = {
    "check": "none",
    "format": "form",
    "id_at": "msgid",
    "status_at": "stat",
    "statuses": {"DELIVRD": "delivered", "UNDELIV": "failed"},
    "causes": {"UNDELIV": "off"},
    "reply_text_at": "content",
    "reply_from_at": "mobile",
    "reply_to_at": "ext",
    "reply_id_at": "moid",
    "answer": "0",
}


def gateway(config: dict[str, Any], sink: Sink | None = None) -> Any:
    sink = sink or Sink()
    return build("sms.http", "g", config, sink.on_receipts, sink.on_reply)


def changed(config: dict[str, Any], part: str, **changes: Any) -> dict[str, Any]:
    return config | {part: {**config.get(part, {}), **changes}}


def asked(config: dict[str, Any], text: str = TEXT, **changes: Any) -> Any:
    return asyncio.run(gateway(config).ask_for(message_to("+8613800001000", text, **changes)))


def answered(config: dict[str, Any], content: str, status: int = 200) -> Any:
    outgoing = message_to("+8613800001000")
    return outgoing, gateway(config).outcome_of(outgoing, Answer(status, {}, content.encode()))


def test_form_is_filled_and_escaped():
    ask = asked(FORM)
    assert isinstance(ask, Ask) and (ask.method, ask.url) == ("POST", "https://gateway.example/send?v=2")
    assert ask.headers == {"x-api-key": "key 1", "content-type": "application/x-www-form-urlencoded"}
    assert parse_qs(ask.content.decode()) == {
        "mobile": ["13800001000"], "content": [f"【远东】{TEXT}"], "extend": ["7"], "report": ["true"],
    }  # fmt: skip


def test_what_is_put_in_is_never_read_as_a_placeholder_again():
    ask = asked(FORM, "{secret} {password}")
    assert parse_qs(ask.content.decode())["content"] == ["【远东】{secret} {password}"]


def test_json_may_nest_and_keeps_numbers():
    body = {"to": [{"number": "{number}"}], "message": {"text": "{text}", "ttl": 60, "flash": False}}
    config = FORM | {"request": {"url": "https://gateway.example/", "format": "json", "body": body}}
    assert json.loads(asked(config).content) == {
        "to": [{"number": "+8613800001000"}], "message": {"text": TEXT, "ttl": 60, "flash": False},
    }  # fmt: skip


def test_get_puts_the_body_into_the_query():
    ask = asked(changed(FORM, "request", method="GET"))
    assert (ask.method, ask.content) == ("GET", b"")
    assert parse_qs(urlsplit(ask.url).query)["v"] == ["2"]
    assert parse_qs(urlsplit(ask.url).query)["mobile"] == ["13800001000"]


def test_basic_authentication_and_template_values():
    body = {"mobile": "{digits}", "tpl": "{template}", "params": "{values}", "ref": "{attempt}"}
    config = changed(FORM, "request", body=body, basic=True) | {"username": "u", "password": "p"}
    registered = Registered("T1", values=(("amount", "¥1"), ("day", "10")))
    ask = asked(config, registered=registered)
    assert ask.headers["authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"
    fields = parse_qs(ask.content.decode())
    assert (fields["mobile"], fields["tpl"]) == (["8613800001000"], ["T1"])
    assert json.loads(fields["params"][0]) == {"amount": "¥1", "day": "10"}
    assert isinstance(asked(config), Refused), "no approved template"


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        ("0,777", 200, Accepted("777")),
        ("-5,", 200, Refused("-5", "the gateway says that the number is dead", True, Cause.DEAD)),
        ("-9", 200, Refused("-9", "the gateway refuses the message", False, Cause.OPTED_OUT)),
        ("-99", 200, Refused("-99", "the gateway refuses the message", False)),
        ("-2", 200, Throttled("-2", 60)),
        ("-1", 200, AccountTrouble("-1", "the account at the gateway is not in order")),
        ("-7", 200, Deferred("-7", "trouble at the gateway", 1)),
        ("-8", 200, Unknown("the gateway does not know whether it took it (-8)")),
        ("Wang Wei 138 0000 1000", 200, Refused("unlisted", "the gateway refuses the message", False)),
        ("", 200, Unknown("an answer without what says that it was taken (200)")),
        ("<html>", 503, Deferred("503", "trouble at the provider", 1)),
        ("<html>", 504, Unknown("a gateway on the way got no answer (504)")),
        ("<html>", 401, AccountTrouble("401", "the credential is refused")),
        ("0,777", 500, Deferred("500", "trouble at the provider", 1)),
    ],
)
def test_answer_is_judged_by_the_table_and_else_by_its_status(content, status, expected):
    assert answered(FORM, content, status)[1] == expected


def test_gateway_that_says_nothing_but_its_status():
    config = {key: value for key, value in FORM.items() if key != "answer"}
    outgoing, outcome = answered(config, "anything")
    assert outcome == Accepted(outgoing.attempt_id.hex)


def test_json_answer_with_true_and_parts():
    answer = {
        "accepted_at": "ok",
        "accepted_is": ["true"],
        "id_at": "data.0.id",
        "parts_at": "data.0.n",
        "code_at": "err",
    }
    config = FORM | {"answer": answer}
    assert answered(config, '{"ok": true, "data": [{"id": 5, "n": 2}]}')[1] == Accepted("5", 2)
    assert answered(config, '{"ok": false, "err": "-5"}')[1].permanent
    assert isinstance(answered(config, "no json")[1], Unknown)


def call(config: dict[str, Any], request: RawRequest) -> tuple[int, bytes, Sink]:
    sink = Sink()
    answer = asyncio.run(gateway(config, sink).receive(request))
    return answer.status, answer.body, sink


def test_callback_tells_receipts_and_replies():
    config = FORM | {"callback": CALLBACK}
    status, body, sink = call(config, RawRequest("POST", "", {}, b"msgid=777&stat=DELIVRD"))
    assert (status, body) == (200, b"0")
    assert (sink.receipts[0].status, sink.receipts[0].provider_id) == (ReceiptStatus.DELIVERED, "777")
    _, _, sink = call(config, RawRequest("GET", "msgid=778&stat=UNDELIV", {}, b""))
    assert (sink.receipts[0].status, sink.receipts[0].cause) == (ReceiptStatus.FAILED, Cause.OFF)
    assert not sink.receipts[0].permanent
    for sender in ("13800001000", "8613800001000", "%2B8613800001000", "008613800001000"):
        _, _, sink = call(
            config, RawRequest("POST", "", {}, f"mobile={sender}&content=T&ext=7&moid=m1".encode())
        )
        reply = sink.replies[0]
        assert (reply.sender, reply.recipient, reply.text) == ("+8613800001000", "7", "T")
        assert reply.reference == "m1"


@pytest.mark.parametrize(
    "body", [b"msgid=777&stat=NEW", b"stat=DELIVRD", b"\xff", b"mobile=nobody&content=T"]
)
def test_callback_that_is_not_as_described_hands_in_nothing(body):
    status, _, sink = call(FORM | {"callback": CALLBACK}, RawRequest("POST", "", {}, body))
    assert (status, sink.receipts, sink.replies) == (400, [], [])


def test_without_a_description_of_callbacks_nobody_is_believed():
    assert call(FORM, RawRequest("POST", "", {}, b"msgid=777&stat=DELIVRD"))[0] == 403


def test_callback_is_believed_by_token_or_network_alone():
    token = FORM | {"callback": CALLBACK | {"check": "token"}, "callback_token": "s3cret"}
    body = b"msgid=777&stat=DELIVRD"
    assert call(token, RawRequest("POST", "token=s3cret", {}, body))[0] == 200
    assert call(token, RawRequest("POST", "token=S3cret", {}, body))[0] == 403
    assert call(token, RawRequest("POST", "", {}, body))[0] == 403
    net = FORM | {"callback": CALLBACK | {"check": "networks", "networks": ["10.0.0.0/8"]}}
    assert call(net, RawRequest("POST", "", {}, body, peer="10.1.2.3"))[0] == 200
    assert call(net, RawRequest("POST", "", {}, body, peer="11.1.2.3"))[0] == 403


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_callback_is_believed_by_its_signature(algorithm, encoding):
    shape = CALLBACK | {
        "check": "hmac",
        "header": "X-Sign",
        "algorithm": algorithm,
        "encoding": encoding,
        "prefix": "v=",
    }
    config = FORM | {"callback": shape, "callback_secret": "s3cret"}
    body = b"msgid=777&stat=DELIVRD"
    made = hmac.new(b"s3cret", body, getattr(hashlib, algorithm)).digest()
    text = made.hex() if encoding == "hex" else base64.b64encode(made).decode()
    assert call(config, RawRequest("POST", "", {"x-sign": f"v={text}"}, body))[0] == 200
    assert call(config, RawRequest("POST", "", {"x-sign": text}, body))[0] == 403
    assert call(config, RawRequest("POST", "", {"x-sign": f"v={text}"}, body + b"&x=1"))[0] == 403
    assert call(config, RawRequest("POST", "", {}, body))[0] == 403


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("request", {"body": {"to": "{number}", "text": "{txt}"}}, "{txt} is unknown"),
        ("request", {"body": {"to": "{number}", "text": "{text"}}, "a brace stands alone"),
        ("request", {"body": {"text": "{text}"}}, "nothing says to whom"),
        ("request", {"body": {"to": "{number}"}}, "nothing says what"),
        ("request", {"body": {"to": ["{number}"], "text": "{text}"}}, "a form does not nest"),
        ("request", {"method": "GET", "format": "json"}, "a GET has no body"),
        ("request", {"url": "https://gateway.example/{secret}"}, "a secret does not belong into an address"),
        ("request", {"url": "https://gateway.example/{number}"}, "do not belong into the address"),
        ("request", {"url": "ftp://gateway.example/"}, "String should match pattern"),
        ("request", {"headers": {"X Key": "1"}}, "header 'X Key' is none"),
        ("request", {"headers": {"X-Key": "a\nb"}}, "header 'X-Key' is none"),
        ("request", {"headers": {"X-Text": "{text}"}}, "a header may hold"),
        ("request", {"headers": {"X-Key": "{password}"}}, "{password} is used, and password is not given"),
        ("request", {"command": "curl"}, "Extra inputs are not permitted"),
        ("answer", {"accepted_is": []}, "belong together"),
        ("answer", {"id_at": "data..id"}, "is no path"),
        ("codes", {"-5": "fatal"}, "Input should be"),
        ("callback", {"check": "token"}, "needs callback_token"),
        ("callback", {"check": "hmac", "header": "X"}, "needs callback_secret"),
        ("callback", {"check": "hmac"}, "needs the header"),
        ("callback", {"check": "networks"}, "needs networks"),
        ("callback", {"check": ""}, "Input should be"),
        ("callback", {"id_at": ""}, "nothing says of which message"),
        ("callback", {"statuses": {}}, "statuses says what none means"),
        ("callback", {"reply_from_at": ""}, "belong together"),
        (
            "callback",
            {"status_at": "", "reply_text_at": "", "reply_from_at": ""},
            "neither receipts nor replies",
        ),
        ("callback", {"algorithm": "md5", "check": "hmac"}, "String should match pattern"),
    ],
)
def test_description_that_cannot_work_is_refused_in_plain_words(part, changes, words):
    config = FORM | {"callback": CALLBACK}
    with pytest.raises(DuecourseError) as refused:
        gateway(changed(config, part, **changes))
    texts = [problem.message for problem in refused.value.problems]
    assert any(words in text for text in texts), texts
    assert {problem.code for problem in refused.value.problems} == {"C002"}


def test_secrets_stand_in_no_fault_and_no_description():
    config = SandboxGateway.settings(1, Path()) | {"secret": "very secret", "window": 0}
    with pytest.raises(DuecourseError) as refused:
        gateway(config)
    assert "very secret" not in str(refused.value)
    assert "very secret" not in repr(gateway(config | {"window": 1}).settings)
