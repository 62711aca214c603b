"""What every request passes: hosts, rates, headers, plain errors, a log that says nothing of anybody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
import pytest
from httpx2 import AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from duecourse.channels.http.listener import Listener
from duecourse.web.application import Limits, application
from duecourse.web.rates import Rates, peer_net


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello", headers={"cache-control": "max-age=60"} if request.query_params else {})


async def fail(_: Request) -> Response:
    raise RuntimeError("Li Lei, +8613900001111")


def away(_: Request) -> Response:
    raise psycopg.OperationalError("Li Lei, +8613900001111")


async def half(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("Li Lei, +8613900001111")

    return StreamingResponse(pieces())


LIMITS = Limits()


def client(
    limits: Limits = LIMITS, *, public_url: str = "https://lender.example", peer: str = "198.51.100.1"
) -> TestClient:
    routes = [Route(path, hello) for path in ("/c/{code}", "/api/v1/it", "/callbacks/it", "/healthz")]
    for where in ("", "/api/v1", "/callbacks"):
        routes += [Route(f"{where}/fail", fail), Route(f"{where}/away", away)]
    app = application([*routes, Route("/half", half)], limits, public_url=public_url)
    return TestClient(app, base_url="https://lender.example", client=(peer, 1), raise_server_exceptions=False)


def test_every_answer_keeps_itself_to_itself() -> None:
    for path in ("/c/abc", "/nothing", "/fail"):
        headers = client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert "server" not in headers


def test_an_answer_may_say_otherwise_itself() -> None:
    assert client().get("/c/abc?x=1").headers.get_list("cache-control") == ["max-age=60"]


def test_without_tls_nobody_is_told_to_insist_on_it() -> None:
    assert "strict-transport-security" not in client(public_url="http://lender.example").get("/c/a").headers


@pytest.mark.parametrize(
    "host", ["evil.example", "", "lender.example.evil.example", "lender.example@evil.example"]
)
def test_another_host_is_refused_but_for_health(host: str) -> None:
    web = client()
    assert web.get("/c/abc", headers={"host": host}).status_code == 400
    assert web.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["lender.example", "LENDER.example:8443", "localhost:80", "127.0.0.1", "[::1]:80", "b"]
)
def test_hosts_of_ours_are_served(host: str) -> None:
    assert client(Limits(hosts=("b",))).get("/c/abc", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("name", ["2001:db8::5", "[2001:DB8::5]"])
def test_an_address_of_ipv6_is_a_host(name: str) -> None:
    asked = {"host": "[2001:db8::5]:8080"}
    assert client(Limits(hosts=(name,))).get("/c/abc", headers=asked).status_code == 200
    assert client(public_url="https://[2001:db8::5]:8443").get("/c/abc", headers=asked).status_code == 200


def test_a_star_serves_any_host() -> None:
    assert client(Limits(hosts=("*",))).get("/c/abc", headers={"host": "any.example"}).status_code == 200


def test_a_peer_that_asks_too_often_waits_and_others_do_not() -> None:
    limits = Limits(peer_per_second=0.01)
    web = client(limits)
    assert web.get("/c/abc").status_code == 200
    refused = web.get("/api/v1/it")
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 1
    assert refused.json()["code"] == "D167"
    assert web.get("/callbacks/it").status_code == 200, "providers have a rate of their own"


def test_a_bucket_holds_five_seconds_and_fills_with_time() -> None:
    clock = [0.0]
    rates = Rates(2.0, lambda: clock[0])
    assert [rates.wait("a") for _ in range(11)] == [0.0] * 10 + [0.5]
    assert rates.wait("b") == 0.0
    clock[0] = 0.5
    assert rates.wait("a") == 0.0
    assert rates.wait("a") == pytest.approx(0.5)
    clock[0] = 1e6
    assert [rates.wait("a") for _ in range(11)] == [0.0] * 10 + [0.5]


def test_the_number_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duecourse.web.rates.MOST_BUCKETS", 3)
    rates = Rates(0.1, lambda: 0.0)
    for who in "abcd":
        rates.wait(who)
    assert rates.wait("d") > 0 and rates.wait("a") == 0.0


@pytest.mark.parametrize(
    ("peer", "net"),
    [("198.51.100.1", "198.51.100.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
     ("::ffff:198.51.100.1", "198.51.100.1"), ("unix", "unix")],
)  # fmt: skip
def test_a_subscriber_of_ipv6_is_one_peer(peer: str, net: str) -> None:
    assert peer_net(peer) == net


def test_what_is_not_there_is_a_problem_for_programs_and_a_page_for_people() -> None:
    web = client()
    assert web.get("/api/v1/none").json() == {
        "type": "urn:duecourse:problem:D171", "title": "Not Found", "status": 404,
        "detail": "there is nothing at this address", "code": "D171",
    }  # fmt: skip
    page = web.get("/none", headers={"accept-language": "zh-CN,en"})
    assert page.headers["content-type"].startswith("text/html") and "此地址没有内容" in page.text
    assert 'lang="en"' in web.get("/none").text
    assert web.post("/c/abc").status_code == 405


def test_a_failure_is_told_to_nobody_but_as_one() -> None:
    with capture_logs() as logs:
        web = client()
        answers = [web.get(path) for path in ("/fail", "/api/v1/fail", "/callbacks/fail")]
    assert not [one for one in answers if one.status_code != 500 or "Li Lei" in one.text]
    assert "Nothing was changed" in answers[0].text
    assert [one.json()["code"] for one in answers[1:]] == ["D173", "D173"]
    assert "Li Lei" not in str(logs)
    assert [line["error"] for line in logs if line["log_level"] == "error"] == ["RuntimeError"] * 3


def test_while_the_database_is_away_everybody_is_told_to_ask_again() -> None:
    web = client()
    answers = [web.get(path) for path in ("/away", "/api/v1/away", "/callbacks/away")]
    assert [(one.status_code, one.headers["retry-after"]) for one in answers] == [(503, "5")] * 3
    assert "try again in a minute" in answers[0].text
    assert [one.json()["code"] for one in answers[1:]] == ["D172", "D172"]


def test_an_answer_that_breaks_off_is_not_begun_anew() -> None:
    with capture_logs() as logs:
        answer = client().get("/half")
    assert (answer.status_code, answer.content) == (200, b"begun")
    assert [line["error"] for line in logs if line["log_level"] == "error"] == ["RuntimeError"]


def test_the_log_names_the_route_and_neither_the_code_nor_the_peer() -> None:
    counted: Counter[tuple[str, int]] = Counter()
    with capture_logs() as logs:
        web = client(Limits(counted=counted))
        web.get("/c/s3cr3t?name=Li")
        web.get("/Li-Lei%0a/x")
        web.get("/callbacks/it")
        web.request("X" * 8000, "/none")
    assert logs.pop()["method"] == "other"
    assert [(line["route"], line["status"]) for line in logs] == [("/c/{code}", 200), ("none", 404)]
    assert not {"s3cr3t", "Li", "198.51.100.1"} & set(str(logs).replace("'", " ").split())
    assert counted == {("/c/{code}", 200): 1, ("none", 404): 2, ("/callbacks/it", 200): 1}


@pytest.mark.parametrize("in_time", [True, False])
def test_at_the_end_what_is_in_hand_is_answered_and_what_lasts_too_long_is_told_to_ask_again(
    in_time: bool,
) -> None:
    async def run() -> tuple[int, bytes]:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_: Request) -> Response:
            begun.set()
            await go_on.wait()
            return PlainTextResponse("done")

        served = application([Route("/api/v1/slow", slow)], Limits())
        listener = Listener(served, grace_seconds=60 if in_time else 1)
        port = await listener.start()
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as web:
            asking = asyncio.create_task(web.get("/api/v1/slow"))
            await begun.wait()
            stopping = asyncio.create_task(listener.stop())
            if in_time:
                while await takes_connections(port):
                    await asyncio.sleep(0.02)
                go_on.set()
            answer = await asking
            await stopping
        return answer.status_code, answer.content

    status, content = asyncio.run(run())
    if in_time:
        assert (status, content) == (200, b"done")
    else:
        assert status == 503 and b"may have been done or not" in content


async def takes_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
