"""An endpoint may choose among intents where nobody understood, and nothing else; nothing personal is sent to it.

The server here speaks the published wire format of chat completions and refuses what does not follow it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import SecretStr

from duecourse.responses.intents import Intent
from duecourse.responses.understanding.endpoint import Endpoint, without_persons

TODAY = date(2026, 3, 11)
UNREAD = "zebra umbrella quartz"
"""What neither rules nor model understand."""


@dataclass
class Server:
    """A model that says what it was told to say."""

    says: str = '{"intents": ["thanks"]}'
    status: int = 200
    hangs: Event | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


def _fault(path: str, key: str | None, asked: dict[str, Any]) -> str:
    if path != "/v1/chat/completions":
        return "no such path"
    if key != "Bearer s3cret":
        return "no such key"
    roles = [message["role"] for message in asked["messages"]]
    if roles != ["system", "user"] or not isinstance(asked["model"], str):
        return "messages are malformed"
    schema = asked["response_format"]["json_schema"]
    return "" if schema["strict"] and schema["schema"]["type"] == "object" else "no schema"


@pytest.fixture
def server() -> Iterator[Server]:
    model = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.heard.append(asked)
            if model.hangs is not None:
                model.hangs.wait(30)
            fault = _fault(self.path, self.headers["Authorization"], asked)
            answer: dict[str, Any] = {"error": {"message": fault}} if fault else {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": asked["model"],
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": model.says}}
                ],
            }  # fmt: skip
            body = json.dumps(answer).encode()
            self.send_response(400 if fault else model.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    model.url = f"http://127.0.0.1:{listening.server_port}/v1"
    yield model
    if model.hangs is not None:
        model.hangs.set()
    listening.shutdown()
    listening.server_close()
    thread.join()


def endpoint(server: Server, seconds: float = 20) -> Endpoint:
    return Endpoint(server.url, "small", SecretStr("s3cret"), seconds)


def test_it_chooses_what_nobody_understood(server: Server) -> None:
    server.says = '{"intents": ["call-me", "complaint"]}'
    understood = endpoint(server)(UNREAD, today=TODAY, currency="USD")
    assert (understood.intents, understood.by) == ((Intent.COMPLAINT, Intent.CALL_ME), "endpoint")


def test_days_stay_ours(server: Server) -> None:
    server.says = '{"intents": ["will-pay"]}'
    understood = endpoint(server)(f"{UNREAD} 3/20", today=TODAY, currency="USD", region="US")
    assert understood.promised_on == date(2026, 3, 20)


@pytest.mark.parametrize(
    "says",
    [
        "will-pay",
        '{"intents": ["forgive-the-debt"]}',
        '{"intents": ["paid", "rich"]}',
        '{"intents": ["will-pay"], "amount": 5}',
        '{"intents": []}',
        '{"intents": ["unclear"]}',
        '{"intents": ["stop", "paid", "thanks", "abuse"]}',
        '{"intents": "paid"}',
        "[]",
        "",
    ],
)
def test_anything_but_known_intents_leaves_it_to_a_person(server: Server, says: str) -> None:
    server.says = says
    assert endpoint(server)(UNREAD, today=TODAY, currency="USD").intents == (Intent.UNCLEAR,)


@pytest.mark.parametrize("text", ["STOP", "he died last week", "I will pay tomorrow", "我不想活了"])
def test_what_is_understood_is_not_asked(server: Server, text: str) -> None:
    server.says = '{"intents": ["thanks"]}'
    understood = endpoint(server)(text, today=TODAY, currency="USD")
    assert Intent.THANKS not in understood.intents
    assert server.heard == []


def test_an_error_leaves_it_to_a_person(server: Server) -> None:
    server.status = 500
    assert endpoint(server)(UNREAD, today=TODAY, currency="USD").intents == (Intent.UNCLEAR,)


def test_a_silent_endpoint_is_waited_for_no_longer_than_set(server: Server) -> None:
    server.hangs = Event()
    assert endpoint(server, 0.2)(UNREAD, today=TODAY, currency="USD").intents == (Intent.UNCLEAR,)


def test_an_endpoint_that_is_not_there_leaves_it_to_a_person() -> None:
    nowhere = Endpoint("http://127.0.0.1:9/v1", "small")
    assert nowhere(UNREAD, today=TODAY, currency="USD").intents == (Intent.UNCLEAR,)


def test_what_leaves_the_house_has_no_numbers_addresses_or_names(server: Server) -> None:
    text = f"{UNREAD} My name is Ana Lee, ana@example.com, +1 (202) 555-0142, ID 110101199003070011, see https://x.example/y"
    endpoint(server)(text, today=TODAY, currency="USD")
    sent = json.dumps(server.heard, ensure_ascii=False)
    assert [one for one in ("Ana", "Lee", "example", "555", "1990") if one in sent] == []


def test_a_name_given_in_chinese_is_left_out() -> None:
    assert without_persons("我叫王小明，卡号6222020000000000") == "我叫(name) ，卡号(number)"
