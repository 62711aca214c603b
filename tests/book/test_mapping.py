from __future__ import annotations

import pytest

from duecourse.book.mapping import load_mapping, parse_mapping
from duecourse.domain.problems import DuecourseError


def faults(text: str) -> list[str]:
    with pytest.raises(DuecourseError) as caught:
        parse_mapping(text, "m.toml")
    return [str(problem) for problem in caught.value.problems]


def test_every_fault_is_reported_with_its_line_and_key() -> None:
    found = faults(
        """mapping = "Not A Name"
[source]
quote = "<<"
[vars]
day = { spread = "row", from = 3 }
[borrower]
key = "{id}"
[[payment]]
loan = "{loan}"
creditor = "bank"
source = "core"
reference = "{ref}"
amout = "{amount}"
paid_on = "{day}"
"""
    )
    assert [text.split(": ")[0:2] for text in found] == [
        ["m.toml:1", "mapping"],
        ["m.toml:3", "source.quote"],
        ["m.toml:5", "vars.day"],
        ["m.toml:6", "borrower.language"],
        ["m.toml:6", "borrower.region"],
        ["m.toml:8", "payment.0.amount"],
        ["m.toml:13", "payment.0.amout"],
    ]
    assert "'from' and 'to'" in found[2]
    assert found[-1].endswith("is not a key of the mapping language here (B002)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('mapping = "x"', "nothing is mapped"),
        (
            'mapping = "x"\n[loan]\nref="{a}"\ncreditor="b"\nproduct="c"\nmethod="given"',
            "loan.borrower is needed",
        ),
        (
            'mapping = "x"\n[[payment]]\nsource="s"\nreference="r"\namount=1\npaid_on="d"',
            "need 'loan' and 'creditor'",
        ),
        (
            'mapping="x"\n[[installment]]\nloan="l"\ncreditor="c"\nnumber=1\ndue_on="d"\nbalance="{b}"\ndue="{d}"',
            "'balance' and 'statement_on' go together",
        ),
        ('mapping="x"\n[source]\nheader = false', "needs 'columns'"),
        (
            'mapping="x"\n[loan]\nref="{a}"\nborrower="{b}"\ncreditor="c"\nproduct="p"\nmethod="flat"\n'
            '[loan.schedule]\nperiods=3\nfirst_due_on="{d}"\nevery="5d"',
            "'5d' is no interval; use 1m, 3m, 1w, 2w",
        ),
    ],
)
def test_a_mapping_that_cannot_make_a_book_is_refused(text: str, says: str) -> None:
    assert any(says in fault for fault in faults(text))


def test_what_is_no_toml_says_where() -> None:
    assert "line 2" in faults('mapping = "x"\n[borrower\n')[0]


def test_a_missing_file_is_named() -> None:
    from pathlib import Path

    with pytest.raises(DuecourseError, match="B001"):
        load_mapping(Path("nowhere.toml"))
