"""`duecourse consent`, `hold`, `preference` and `suppression` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from duecourse.domain.problems import DuecourseError
from lender import Lender
from prompt import Run, at_prompt, home_of, shown


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on a book of two borrowers who share a number, and give what it printed."""
    lender.book("loan borrower due_on\nL-1 B 2126-03-10\nL-2 C 2126-03-10")
    lender.reindex_contact_points()
    for name in ("B", "C"):
        lender.name_in_directory(name)
    lender.plan("2126-03-09T00:00+08:00")
    with at_prompt(
        monkeypatch, home_of(lender, tmp_path / "home"), database_url=database_url, user="anna"
    ) as run:
        yield run


def test_a_stop_is_said_shown_and_lifted(run: Run) -> None:
    stop = shown(run, "consent", "end", "B", "--kind", "contact", "--channel", "sms", "--evidence", "call 1")
    assert (stop["changed"], stop["borrowers"], stop["messages_affected"]) == (1, 1, 1)
    [word] = shown(run, "consent", "show", "B")["in_force"]
    assert (word["kind"], word["granted"], word["channel"], word["recorded_by"]) == (
        "contact",
        False,
        "sms",
        "anna",
    )
    run("consent", "add", "B", "--kind", "contact", "--channel", "sms", "--evidence", "call 2")
    found = shown(run, "consent", "show", "B")
    assert [one["granted"] for one in found["in_force"]] == [True]
    assert [one["granted"] for one in found["history"]] == [False, True]
    assert shown(run, "consent", "show", "C")["history"] == []


def test_a_stop_of_a_number_is_said_for_everybody_who_has_it(run: Run) -> None:
    stop = shown(
        run, "consent", "end", "B", "--kind", "contact", "--address", "+8613900001111", "--evidence", "call 1"
    )
    assert (stop["changed"], stop["borrowers"], stop["messages_affected"]) == (2, 2, 2)
    [word] = shown(run, "consent", "show", "C")["in_force"]
    assert word["for_address"] and "1111" not in json.dumps(word)


def test_a_consent_has_scope_expiry_and_what_it_overrides(run: Run) -> None:
    run(
        "consent", "add", "B", "--kind", "consent", "--purpose", "collection", "--channel", "sms",
        "--evidence", "form 17", "--at", "2026-01-01", "--expires", "2126-01-01", "--overrides", "hours",
    )  # fmt: skip
    words = shown(run, "consent", "show", "B")["in_force"]
    assert sorted(one["kind"] for one in words) == ["consent", "hours"]
    assert {one["effective_at"][:16] for one in words} <= {"2025-12-31T16:00", "2026-01-01T00:00"}
    assert shown(run, "consent", "show", "B", "--as-of", "2025-12-31T23:59+08:00")["in_force"] == []


def test_a_trial_says_what_it_would_do_and_does_nothing(run: Run) -> None:
    trial = shown(run, "hold", "add", "B", "--kind", "dispute", "--evidence", "letter", "--dry-run")
    assert (trial["changed"], trial["messages_affected"], trial["dry_run"]) == (1, 1, True)
    assert shown(run, "hold", "show", "B")["history"] == []


def test_a_hold_of_a_loan_is_put_shown_and_ended_with_a_reason(run: Run) -> None:
    run(
        "hold",
        "add",
        "B",
        "--kind",
        "dispute",
        "--loan",
        "L-1",
        "--evidence",
        "letter",
        "--since",
        "2026-01-01",
    )
    with pytest.raises(DuecourseError, match=r"one is open of --loan L-1.*D083"):
        run("hold", "end", "B", "--kind", "dispute", "--reason", "settled")
    run("hold", "end", "B", "--kind", "dispute", "--loan", "L-1", "--reason", "settled", user="ben")
    [hold] = shown(run, "hold", "show", "B")["history"]
    assert (hold["loan"], hold["in_force"], hold["ended_by"], hold["end_reason"]) == (
        "L-1",
        False,
        "ben",
        "settled",
    )
    run(
        "hold",
        "add",
        "B",
        "--kind",
        "dispute",
        "--loan",
        "L-1",
        "--evidence",
        "letter",
        "--since",
        "2026-01-01",
    )
    assert len(shown(run, "hold", "show", "B")["in_force"]) == 1
    with pytest.raises(DuecourseError, match="D081"):
        run("hold", "add", "B", "--kind", "dispute", "--loan", "L-2", "--evidence", "letter")


def test_whoever_needs_a_person_is_listed_with_what_waits(run: Run) -> None:
    run("hold", "add", "B", "--kind", "bereavement", "--evidence", "call 9")
    run("preference", "add", "C", "--kind", "person", "--evidence", "call 10")
    found = shown(run, "hold", "show", "--person-needed")
    assert [(one["borrower"], one["kinds"], one["messages_waiting"]) for one in found] == [
        ("B", ["bereavement"], 1),
        ("C", ["person"], 1),
    ]
    assert "bereavement" in run("hold", "show", "--person-needed")
    with pytest.raises(DuecourseError, match="D084"):
        run("hold", "show")


def test_a_wish_is_put_replaced_and_ended(run: Run) -> None:
    for start in ("18:00", "19:00"):
        run(
            "preference", "add", "B", "--kind", "hours", "--days", "mon,tue", "--from", start, "--to", "20:00",
            "--evidence", "call",
        )  # fmt: skip
    found = shown(run, "preference", "show", "B")
    assert [one["wish"]["from"] for one in found["in_force"]] == ["19:00"]
    assert len(found["history"]) == 2
    run("preference", "end", "B", "--kind", "hours")
    assert shown(run, "preference", "show", "B")["in_force"] == []
    with pytest.raises(DuecourseError, match="D085"):
        run("preference", "end", "B", "--kind", "hours")


def test_a_suppression_is_ended_by_two_people_and_never_shows_the_number(run: Run, tmp_path: Path) -> None:
    listing = tmp_path / "list.csv"
    listing.write_text("phone\n13900001111\n139\n")
    report = json.loads(run("suppression", "import", listing, "--reason", "recycled", "--json", code=1))
    assert (report["new"], report["rejected"], report["problems"][0]["code"]) == (1, 1, "B019")
    added = shown(run, "suppression", "add", "--number", "+8613900001111", "--reason", "wrong-person")
    assert (added["changed"], added["borrowers"], added["messages_affected"]) == (0, 2, 2)
    run("suppression", "end", "--number", "+8613900001111", "--reason", "theirs again")
    with pytest.raises(DuecourseError, match="B104"):
        run("suppression", "end", "--confirm")
    found = run("suppression", "show", "--number", "-", "--json", typed="+86 139 0000 1111\n")
    entries = json.loads(found)["entries"]
    assert [(one["reason"], one["end_asked_by"], one["in_force"]) for one in entries] == [
        ("recycled", "anna", True)
    ]
    run("suppression", "end", "--confirm", user="ben")
    assert shown(run, "suppression", "show", "--number", "13900001111")["entries"] == []
    history = run("suppression", "show", "--history")
    assert "ben" in history and "1111" not in history
    with pytest.raises(DuecourseError, match="D088"):
        run("suppression", "end", "--confirm")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("consent", "add", "X", "--evidence", "e"), "D033"),
        (("consent", "add", "B", "--evidence", "e", "--at", "yesterday"), "D080"),
        (("consent", "end", "B", "--evidence", "e", "--address", "12"), "B108"),
        (("suppression", "add", "--reason", "r"), "D086"),
        (("suppression", "add", "--reason", "r", "--number", "1", "--email", "a@b.cn"), "D086"),
        (("suppression", "add", "--reason", "r", "--number", "12"), "B019"),
        (("suppression", "end", "--number", "+8613900001111"), "D087"),
        (("preference", "add", "B", "--kind", "hours", "--evidence", "e"), "B100"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_code(run: Run, arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(DuecourseError, match=code):
        run(*arguments)


def test_calls_made_elsewhere_are_brought_in_and_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "calls.toml").write_text(
        """
        mapping = "calls"
        [[contact]]
        source = "call-centre"
        reference = "{id}"
        borrower = "{cust}"
        channel = "voice"
        outcome = "{result}"
        at = "{at}"
        """
    )
    calls = tmp_path / "calls.csv"
    calls.write_text(
        "id,cust,result,at\n1,B,connected,2026-03-02T10:00+08:00\n2,X,attempt,2026-03-02T10:00+08:00\n"
    )
    report = json.loads(
        run("contact", "import", calls, "--mapping", tmp_path / "calls.toml", "--json", code=1)
    )
    assert (report["counts"]["contacts new"], report["codes"]) == (1, {"B033": 1})
    assert (tmp_path / "calls.csv.rejects.csv").read_text().count("\n") == 2
    [found] = shown(run, "contact", "show", "B")["contacts"]
    assert (found["system"], found["outcome"], found["loans"]) == ("call-centre", "connected", ["L-1"])
    assert "call-centre" in run("contact", "show", "B")


def test_a_permit_is_asked_for_and_reported(run: Run) -> None:
    run("consent", "add", "B", "--kind", "hours", "--evidence", "whatever the hour of this test")
    question = (
        "permit",
        "ask",
        "--borrower",
        "B",
        "--channel",
        "letter",
        "--actor",
        "creditor",
        "--purpose",
        "status",
    )
    found = shown(run, *question, "--loan", "L-1", "--reference", "q1")
    assert found["allow"] is True and found["permit_id"] and found["expires_at"]
    assert shown(run, *question, "--loan", "L-1", "--reference", "q1") == found
    assert run("permit", "report", found["permit_id"], "--outcome", "not-used").strip() == "Reported."
    [contact] = shown(run, "contact", "show", "B")["contacts"]
    assert (contact["source"], contact["counts"]) == ("permit", False)
    with pytest.raises(DuecourseError, match="B122"):
        run("permit", "report", found["permit_id"], "--outcome", "connected")
    with pytest.raises(DuecourseError, match="D089"):
        run("permit", "report", "6f96", "--outcome", "connected")


def test_a_permit_that_is_refused_says_the_rule_in_both_languages(run: Run) -> None:
    question = (
        "permit",
        "ask",
        "--borrower",
        "B",
        "--loan",
        "L-1",
        "--channel",
        "voice",
        "--actor",
        "agency",
    )
    refused = json.loads(run(*question, "--number", "+8613900001111", "--json", code=1))
    assert (refused["allow"], refused["not_before"]) == (False, None)
    assert [one["rule"] for one in refused["deciding"]] == ["IN-GRACE"]
    assert all(one["reason_en"] and one["reason_zh"] for one in refused["deciding"])
    assert "no waiting helps" in run(*question, code=1)


def test_reports_for_people_say_what_json_says(run: Run) -> None:
    run("consent", "end", "B", "--kind", "contact", "--channel", "sms", "--evidence", "call 1")
    run("hold", "add", "B", "--kind", "dispute", "--loan", "L-1", "--evidence", "letter 2")
    run("preference", "add", "B", "--kind", "channel", "--refused", "voice", "--evidence", "call 3")
    run("suppression", "add", "--number", "+8613900009999", "--reason", "wrong-person")
    for command, words in (
        (("consent", "show", "B"), ("contact", "refused", "sms", "call 1", "anna", "yes")),
        (("hold", "show", "B"), ("dispute", "stop", "L-1", "letter 2", "anna", "yes")),
        (("preference", "show", "B"), ('{"refused": ["voice"]}', "call 3", "anna", "yes")),
        (("suppression", "show"), ("wrong-person", "anna", "phone: 1 in force")),
    ):
        printed = run(*command)
        assert [word for word in words if word not in printed] == []
    assert "A dry run: nothing was changed." in run(
        "hold", "end", "B", "--kind", "dispute", "--loan", "L-1", "--reason", "x", "--dry-run"
    )


def test_a_report_is_refused_until_a_notice_is_entered_and_allowed_then(run: Run) -> None:
    asked = ("notice", "check", "B", "--action", "bureau-report", "--loan", "L-1")
    refused = json.loads(run(*asked, "--json", code=1))
    assert (refused["allow"], refused["not_before"]) == (False, None)
    assert [one["rule"] for one in refused["deciding"]] == ["CN-CREDIT"]
    assert "CN-CREDIT: " in run(*asked, code=1)

    entry = ("notice", "add", "B", "--kind", "bureau", "--loan", "L-1", "--evidence", "letter 88", "--json")
    assert json.loads(run(*entry, "--dry-run"))["changed"] == 1
    assert json.loads(run(*asked, "--json", code=1))["allow"] is False
    assert json.loads(run(*entry))["changed"] == 1
    assert json.loads(run(*asked, "--json"))["allow"] is True

    [kept] = json.loads(run("notice", "show", "B", "--json"))["notices"]
    assert (kept["kind"], kept["loan"], kept["ours"], kept["recorded_by"]) == ("bureau", "L-1", False, "anna")
    assert "letter 88" in run("notice", "show", "B")
    assert json.loads(run("notice", "show", "C", "--json"))["notices"] == []


def test_an_act_against_a_guarantor_is_asked_for_too(run: Run, lender: Lender) -> None:
    for statement in (
        """INSERT INTO borrower (lane, borrower_id, borrower_key, home_lane, language, region, zone, row_digest,
               effective_at, recorded_at)
           SELECT l.lane, g.borrower_id, g.borrower_key, nullif(g.lane, l.lane), g.language, g.region, g.zone, '',
                  g.effective_at, g.recorded_at
           FROM borrower g, loan l WHERE g.borrower_key = 'C' AND l.loan_ref = 'L-1' ON CONFLICT DO NOTHING""",
        """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
           SELECT DISTINCT l.lane, l.loan_id, g.borrower_id, 'guarantor', l.effective_at, l.recorded_at
           FROM borrower g, loan l WHERE g.borrower_key = 'C' AND l.loan_ref = 'L-1'""",
    ):
        lender.conn.execute(statement)
    lender.conn.commit()
    asked = ("notice", "check", "C", "--action", "bureau-report", "--loan", "L-1")
    assert "CN-CREDIT: " in run(*asked, code=1)
    run("notice", "add", "C", "--kind", "bureau", "--loan", "L-1", "--evidence", "letter 88")
    assert "It may be done." in run(*asked)


def test_a_borrower_is_shown_with_what_holds_now_and_without_what_has_ended(run: Run) -> None:
    run("hold", "add", "B", "--kind", "dispute", "--loan", "L-1", "--evidence", "letter 1")
    run("hold", "add", "B", "--kind", "hardship", "--evidence", "letter 2")
    run("hold", "end", "B", "--kind", "hardship", "--reason", "over")
    run("consent", "add", "B", "--kind", "consent", "--channel", "sms", "--evidence", "form 1")
    run("preference", "add", "B", "--kind", "channel", "--refused", "voice", "--evidence", "call 1")
    found = shown(run, "borrower", "show", "B")
    assert [(one["kind"], one["loan"]) for one in found["holds"]] == [("dispute", "L-1")]
    assert [(one["kind"], one["granted"], one["channel"]) for one in found["consents"]] == [
        ("consent", True, "sms")
    ]
    assert [(one["kind"], one["wish"]) for one in found["preferences"]] == [
        ("channel", {"refused": ["voice"]})
    ]
    text = run("borrower", "show", "B")
    assert "Holds, consents and wishes in force" in text and "hardship" not in text.split("Contact points")[0]
    assert "in force" not in run("borrower", "show", "C")
    before = shown(run, "borrower", "show", "B", "--as-of", "2020-01-01")
    assert (before["holds"], before["consents"], before["preferences"]) == ([], [], [])
