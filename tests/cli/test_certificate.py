"""`duecourse certificate` as staff use it, and a worker that issues what a policy promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.evidence.seal import FILE, keep_seal
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from events_book import at, load, pay, reverse
from lender import Lender
from prompt import at_prompt, home_of
from sealed_files import a_seal

Run = Callable[..., Any]
POLICY = """
policy: test
certificates: on_settlement
languages: [en]
creditors: {"*": {name: Harbour Finance, contact_phone: "400"}}
"""
STEPS = """
  - id: settled
    on: loan.settled
    purpose: confirmation
    route: [inbox]
    template: settled
"""
SETTLED = "2026-03-10"


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse certificate ...` on a book with a settled loan; code: the exit code, or that of the problem."""
    load(lender)
    pay(lender, "all", amount="200.00", on=SETTLED, now=f"{SETTLED}T10:00+08:00")
    home = home_of(lender, tmp_path / "home")
    keep_seal(a_seal(), lender.keyring, home, replace=False)
    monkeypatch.chdir(tmp_path)
    with at_prompt(monkeypatch, home, database_url=database_url, user="anna") as run:

        def typed(line: str, code: int | str = 0) -> Any:
            if isinstance(code, int):
                return run.answer(*line.split(), code=code)
            with pytest.raises(DuecourseError) as caught:
                run(*line.split())
            assert code in [problem.code for problem in caught.value.problems], caught.value
            return str(caught.value)

        yield typed


def put_in_force(lender: Lender) -> None:
    """A policy that promises certificates."""
    lender.policy(STEPS, POLICY)
    (policy,) = lender.policies
    texts = Templates([TemplateText("settled", "en", {"sms": "Thank you.", "inbox": "Thank you."})])
    publish(lender.conn, policy, texts, "", now=at("2026-01-01T00:00+08:00"), user="test")
    lender.conn.commit()


def test_a_certificate_is_made_once_and_checked_by_file_and_code(run: Run, tmp_path: Path) -> None:
    made = run("certificate make L-1 --out one.pdf --json")
    assert made["new"] and made["demonstration"] and made["settled_on"] == SETTLED
    again = run("certificate make L-1 --json")
    assert not again["new"] and again["code"] == made["code"]
    assert (tmp_path / f"certificate-{made['number']}.pdf").read_bytes() == (
        tmp_path / "one.pdf"
    ).read_bytes()
    by_file = run("certificate check one.pdf --json")
    assert by_file["valid"] and by_file["seal"]["intact"] and by_file["seal"]["signer"] == a_seal().name
    assert run(f"certificate check {made['code']} --json")["certificate"]["number"] == made["number"]
    assert f"Certificate {made['number']}" in run(f"certificate check {made['code'].lower()}")


def test_a_changed_file_and_one_of_somebody_else_are_not_ours(run: Run, tmp_path: Path) -> None:
    run("certificate make L-1 --out one.pdf")
    octets = bytearray((tmp_path / "one.pdf").read_bytes())
    octets[2000] ^= 1
    (tmp_path / "changed.pdf").write_bytes(octets)
    assert "was changed after it was sealed" in run("certificate check changed.pdf", 1)
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert "It bears no seal" in run("certificate check other.pdf", 1)
    assert "No certificate of ours" in run("certificate check ABCD-EFGH-JKMN", 1)


def test_a_reversal_and_staff_end_a_certificate(run: Run, lender: Lender) -> None:
    made = run("certificate make L-1 --json")
    reason = "certificate revoke {} --reason misspelt --json"
    assert run(reason.format(made["code"]))["revoked"]
    assert run(f"certificate check {made['code']} --json", 1)["certificate"]["state"] == "withdrawn"
    second = run("certificate make L-1 --json")
    reverse(lender, "all", on="2026-03-20", now="2026-03-20T10:00+08:00")
    checked = run(f"certificate check {second['code']} --json", 1)["certificate"]
    assert (checked["state"], checked["since"]) == ("reopened", "2026-03-20")
    listed = run("certificate list L-1 --json")["certificates"]
    assert [one["state"] for one in listed] == ["reopened", "withdrawn"]
    run("certificate make L-1", "K015")
    run(reason.format("ABCD-EFGH-JKMN"), "D235")


def test_the_lender_s_own_seal_is_imported_or_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / FILE).unlink()
    run("certificate make L-1", "K010")
    assert "This is a demonstration seal" in run("certificate seal init --name Harbour")
    (tmp_path / "own.p12").write_bytes(a_seal().to_pkcs12(b"secret"))
    (tmp_path / "password").write_text("secret\n")
    run("certificate seal import own.p12", "K011")
    run("certificate seal import own.p12 --password-file nowhere", "D239")
    run("certificate seal import own.p12 --password-file password", "K013")
    taken = run("certificate seal import own.p12 --password-file password --replace --json")
    assert taken["fingerprint"] == a_seal().fingerprint
    (tmp_path / "home" / FILE).unlink()
    monkeypatch.setenv("DUECOURSE_SEAL_FILE", str(tmp_path / "own.p12"))
    monkeypatch.setenv("DUECOURSE_SEAL_PASSWORD", "secret")
    assert run("certificate seal show --json")["fingerprint"] == a_seal().fingerprint


def test_misuse_is_said(run: Run, tmp_path: Path) -> None:
    assert "--language" in run("certificate make L-1 --language nonsense!", "D237")
    assert "no loan of the book" in run("certificate make L-9", "D060")
    assert run("certificate list L-1 --json")["certificates"] == []
    assert "no/such" in run(f"certificate make L-1 --out {tmp_path}/no/such/folder.pdf", "D238")
    with (tmp_path / "large.pdf").open("wb") as file:
        file.truncate(21 << 20)
    assert "large.pdf" in run("certificate check large.pdf", "D236")


def test_a_worker_issues_what_a_policy_promises(run: Run, lender: Lender, tmp_path: Path) -> None:
    put_in_force(lender)
    providers = '[inbox]\nkind = "inbox.book"\n'
    (tmp_path / "home" / "providers.toml").write_text(providers)
    lender.conn.execute("UPDATE event SET recorded_at = now()")
    lender.conn.commit()
    run("work --until-idle")
    (found,) = run("certificate list L-1 --json")["certificates"]
    assert (found["state"], found["issued_by"]) == ("valid", "anna")
    assert run("certificate issue --json") == {"issued": 0, "problems": []}
