"""Gateways as the command line configures, checks and looks after them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from duecourse.cli.context import Context
from duecourse.cli.gateways import configured_gateways, till_of
from duecourse.cli.practice import FAR_ENDS, as_toml
from duecourse.cli.settings import Settings
from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError
from duecourse.gateways.contract import Paid
from duecourse.gateways.generic.far_end import GenericFarEnd
from duecourse.gateways.registry import KINDS
from duecourse.responses.trades import Counter, take_facts
from duecourse.store.migrate import put_setting
from gateways.served import serving
from lender import Lender
from paying import AT
from prompt import at_prompt, home_of

GENERIC = """
[bank]
kind = "generic"
url = "{url}"
merchant = "M-1"
secret = "${{BANK_SECRET}}"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANK_SECRET", "0123456789abcdef")
    return tmp_path


def codes(home: Path, *, simulated: bool) -> list[str]:
    with pytest.raises(DuecourseError) as raised:
        configured_gateways(home, simulated=simulated)
    return [one.code for one in raised.value.problems]


def test_a_simulated_book_has_the_practice_bank_and_a_live_one_none(home: Path) -> None:
    assert [one.kind for one in configured_gateways(home, simulated=True)] == ["sandbox"]
    assert configured_gateways(home, simulated=False) == []


def test_secrets_come_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "gateways.toml").write_text(GENERIC.format(url="https://pay.bank.example/"))
    (bank,) = configured_gateways(home, simulated=False)
    assert bank.name == "bank" and "0123456789abcdef" not in repr(bank.settings)
    monkeypatch.delenv("BANK_SECRET")
    assert codes(home, simulated=False) == ["D012"]


def test_a_simulated_book_takes_no_real_gateway_even_where_it_is_called_a_sandbox(home: Path) -> None:
    real = GENERIC.format(url="https://pay.bank.example/")
    (home / "gateways.toml").write_text(real)
    assert codes(home, simulated=True) == ["D210"]
    (home / "gateways.toml").write_text(f"{real}sandbox = true\n")
    assert codes(home, simulated=True) == ["D210"]


@pytest.mark.parametrize(
    "entry",
    ['[practice]\nkind = "sandbox"\n', GENERIC.format(url="http://127.0.0.1:9/") + "sandbox = true\n"],
)
def test_a_live_book_takes_no_practice_gateway(home: Path, entry: str) -> None:
    (home / "gateways.toml").write_text(entry)
    assert codes(home, simulated=False) == ["D210"]
    assert len(configured_gateways(home, simulated=True)) == 1


def test_every_fault_of_the_file_is_told_at_once(home: Path) -> None:
    (home / "gateways.toml").write_text('[a]\nkind = "barter"\n[b]\nkind = "stripe"\n')
    assert codes(home, simulated=False) == ["C110", "C111", "C111"]


def test_what_practise_prints_is_a_gateways_toml(home: Path) -> None:
    printed = []
    for kind in FAR_ENDS.values():
        far_end = kind(lambda: None)  # type: ignore[arg-type,return-value]
        far_end.url = "http://127.0.0.1:9"
        printed.append(as_toml(far_end))
    (home / "gateways.toml").write_text("\n".join(printed))
    found = configured_gateways(home, simulated=True)
    assert {one.kind for one in found} == set(KINDS) - {"sandbox"}


@pytest.fixture
def run(
    lender: Lender, home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """A command as a person gives it: what it printed, or why it was refused."""
    home_of(lender, home, simulated=True)
    settings = {"database_url": database_url, "user": "ops", "public_url": "https://lender.example"}
    with at_prompt(monkeypatch, home, columns=250, **settings) as run:

        def typed(*words: str, exit_code: int = 0) -> str:
            try:
                return run(*words, code=exit_code)
            except DuecourseError as refused:
                assert refused.exit_code == exit_code
                return f"{refused}"

        yield typed


def test_gateways_are_listed_and_checked(run: Callable[..., str], home: Path) -> None:
    with serving(GenericFarEnd(partial(datetime.now, UTC))) as far_end:
        (home / "gateways.toml").write_text(as_toml(far_end))
        assert run("gateway", "check") == "generic: well\n"
        (listed,) = json.loads(run("gateway", "list", "--json"))["gateways"]
    assert listed["notifications"] == "https://lender.example/callbacks/pay/generic"
    (checked,) = json.loads(run("gateway", "check", "generic", "--json", exit_code=1))["gateways"]
    assert checked["trouble"].startswith("no answer")
    assert "D212" in run("gateway", "check", "nobody", exit_code=1)
    assert "D214" in run("gateway", "practise", "barter", exit_code=2)


def test_a_trade_that_asks_for_a_person_asks_until_somebody_has_looked(
    run: Callable[..., str], lender: Lender
) -> None:
    odd = Paid("no order of ours", "T-9", Money(5_00, "CNY"), AT)
    take_facts(lender.conn, Counter("bank"), [odd], now=AT)
    lender.conn.commit()
    told = run("gateway", "trades", "--flagged", exit_code=1)
    assert "T-9" in told and "5.00 CNY" in told and "no order of ours has this number" in told
    assert "T-9 has been looked at." in run("gateway", "looked", "bank", "T-9", "--note", "called the bank")
    assert "D213" in run("gateway", "looked", "bank", "T-9", "--note", "again", exit_code=1)
    assert json.loads(run("gateway", "trades", "--flagged", "--json")) == {"trades": []}
    (trade,) = json.loads(run("gateway", "trades", "--json"))["trades"]
    assert (trade["looked_by"], trade["note"], trade["flags"]) == (
        "ops",
        "called the bank",
        ["unknown-order"],
    )


def test_only_the_practice_bank_does_without_our_address(
    home: Path, lender: Lender, database_url: str
) -> None:
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    lender.conn.commit()
    here = Context(settings=Settings(home=home, database_url=database_url, public_url=""))  # type: ignore[arg-type]
    try:
        assert list(till_of(here, "").gateways) == ["practice"]
        (home / "gateways.toml").write_text(GENERIC.format(url="http://127.0.0.1:9/") + "sandbox = true\n")
        with pytest.raises(DuecourseError, match="D211"):
            till_of(here, "")
        assert list(till_of(here, "https://lender.example/").gateways) == ["bank"]
    finally:
        here.close()
