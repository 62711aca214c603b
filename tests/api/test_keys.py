"""Keys: shown once, limited to their scopes, gone at once; every refusal counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from duecourse.api.keys import Scope, add_key, known_key, list_keys, revoke_key
from duecourse.api.routes import ENDPOINTS
from duecourse.domain.problems import DuecourseError
from lender import LONG_AGO

from .conftest import Api

STATUS = "/borrowers/C-1/status"


def soon(api: Api, seconds: float) -> datetime:
    row = api.lender.conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0] + timedelta(seconds=seconds)  # type: ignore[no-any-return]


def test_of_a_key_only_a_keyed_digest_is_kept(shared: Api) -> None:
    rows = shared.lender.conn.execute("SELECT to_jsonb(k)::text FROM api_key k").fetchall()
    secret = shared.key.rpartition("_")[2]
    assert rows and not [row for row in rows if secret in row[0] or shared.key in row[0]]


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Basic abc",
        "Bearer",
        "Bearer ",
        "Bearer dck_0_x",
        "Bearer {key}x",
        "Bearer {id}",
        "Token {key}",
    ],
)
def test_without_a_key_that_holds_nothing_is_told(shared: Api, given: str | None) -> None:
    shown = (given or "").format(key=shared.key, id=shared.key[:16] + "_" + "A" * 43)
    answer = shared.client.get(
        f"/api/v1{STATUS}", headers={"authorization": shown} if given is not None else {}
    )
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] in ("D164", "D165")


def test_two_keys_at_once_are_none(shared: Api) -> None:
    headers = [("authorization", f"Bearer {shared.key}"), ("authorization", "Bearer x")]
    assert shared.client.get(f"/api/v1{STATUS}", headers=headers).status_code == 401


def test_a_revoked_key_holds_no_more_from_the_next_request_on(api: Api) -> None:
    assert api.ask("GET", STATUS).status_code == 200
    revoke_key(api.lender.conn, "all", by="test", now=LONG_AGO)
    assert api.ask("GET", STATUS).json()["code"] == "D165"
    with pytest.raises(DuecourseError, match="D161"):
        revoke_key(api.lender.conn, "all", by="test", now=LONG_AGO)


def test_a_key_expires_by_the_clock_of_the_database(api: Api) -> None:
    past = api.new_key("past", *Scope, expires_at=soon(api, -1))
    future = api.new_key("future", *Scope, expires_at=soon(api, 3600))
    assert api.ask("GET", STATUS, key=past).status_code == 401
    assert api.ask("GET", STATUS, key=future).status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_asks_for_its_scope_and_no_other(shared: Api, endpoint: object) -> None:
    one = next(each for each in ENDPOINTS if each is endpoint)
    path = one.path
    for name in one.parameters:
        path = path.replace(f"{{{name}}}", "x").replace(f"{{{name}:path}}", "x")
    others = shared.new_key(
        f"others-{one.name.lower()}", *(scope for scope in Scope if scope is not one.scope)
    )
    own = shared.new_key(f"own-{one.name.lower()}", one.scope)
    refused = shared.ask(one.method, path, {} if one.method == "POST" else None, key=others)
    assert (refused.status_code, refused.json()["code"]) == (403, "D166")
    assert shared.ask(one.method, path, {} if one.method == "POST" else None, key=own).status_code != 403


def test_a_key_that_asks_too_often_waits_and_others_do_not(api: Api) -> None:
    hurried = Api(api.lender, api.pool, api.store, key_rate=0.001, name="hurried")
    other = hurried.new_key("another", *Scope)
    assert hurried.ask("GET", STATUS).status_code == 200
    refused = hurried.ask("GET", STATUS)
    assert (refused.status_code, refused.json()["code"]) == (429, "D167")
    assert int(refused.headers["retry-after"]) > 900
    assert hurried.ask("GET", STATUS, key=other).status_code == 200


def test_every_refusal_is_counted_and_the_day_of_use_noted(api: Api) -> None:
    narrow = api.new_key("narrow", Scope.FEEDS_WRITE)
    api.client.get(f"/api/v1{STATUS}")
    api.ask("GET", STATUS, key="dck_000000000000_" + "x" * 43)
    for _ in range(3):
        api.ask("GET", STATUS, key=narrow)
    for _ in range(2):
        api.refusals.store(api.lender.conn)
    keys, nameless = list_keys(api.lender.conn)
    assert {key.name: key.refusals for key in keys} == {"narrow": 3, "all": 0}
    assert nameless == 2
    api.ask("GET", STATUS, key=narrow)
    api.refusals.store(api.lender.conn)
    today = soon(api, 0).date()
    assert {key.name: (key.refusals, key.last_used_on) for key in list_keys(api.lender.conn)[0]} == {
        "narrow": (4, today),
        "all": (0, None),
    }


def test_refusals_that_could_not_be_stored_are_counted_still(api: Api) -> None:
    api.refusals.add("no-key")
    api.lender.conn.execute("ALTER TABLE api_refusal RENAME TO gone")
    api.lender.conn.commit()
    with pytest.raises(psycopg.Error):
        api.refusals.store(api.lender.conn)
    api.lender.conn.rollback()
    api.lender.conn.execute("ALTER TABLE gone RENAME TO api_refusal")
    api.refusals.store(api.lender.conn)
    assert list_keys(api.lender.conn)[1] == 1


@pytest.mark.parametrize("name", ["", "All Caps", "a\nb", "a" * 41, "-a", "all"])
def test_a_name_is_one_word_and_never_used_again(api: Api, name: str) -> None:
    if name == "all":
        revoke_key(api.lender.conn, "all", by="test", now=LONG_AGO)
    with pytest.raises(DuecourseError, match="D160"):
        api.new_key(name, Scope.FEEDS_WRITE)


def test_a_key_that_would_have_expired_is_not_made(shared: Api) -> None:
    with pytest.raises(DuecourseError, match="D162"):
        add_key(
            shared.lender.conn,
            shared.lender.keyring,
            "late",
            [Scope.FEEDS_WRITE],
            expires_at=LONG_AGO,
            by="t",
            now=LONG_AGO,
        )


def test_a_key_of_another_installation_is_none(shared: Api) -> None:
    keyring = type(shared.lender.keyring).new()
    assert known_key(shared.lender.conn, shared.lender.keyring, shared.key) is not None
    assert known_key(shared.lender.conn, keyring, shared.key) is None


def test_nothing_personal_stands_in_the_log_of_a_request(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"id": str(uuid4()), "borrower": "C-1", "text": "我是李雷，电话13900001111", "channel": "sms"}
    assert api.ask("POST", "/responses", said).status_code == 200
    api.ask("GET", STATUS)
    told = "".join(capsys.readouterr())
    assert "/borrowers/{key:path}/status" in told
    assert not [word for word in ("李雷", "13900001111", "C-1", api.key, "Li Lei") if word in told]
