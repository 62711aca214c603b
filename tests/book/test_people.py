"""Who is in the book: what is sealed, who shares a lane, which addresses are in force."""

from __future__ import annotations

import psycopg
import pytest

from duecourse.book.contact_points import retire_contact_points
from duecourse.book.reading import find_borrower, find_by_address, find_by_id_number
from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .conftest import BORROWER, HEAD, LOAN, NOW, Importer

PEOPLE = HEAD + BORROWER
PHONE = """
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
"""


def test_personal_data_reach_no_table_unsealed_and_no_problem_text(bring: Importer, keyring: Keyring) -> None:
    mapping = PEOPLE + '    id_number = "{idno}"\n' + PHONE
    report = bring(
        mapping,
        """
        cust,name,idno,phone
        C1,Ann Lee,110101199003071234,(415) 555-2671
        C2,Zacharias Quill,110101199003071235,415-BAD
        """,
    )
    assert [problem.code for problem in report.problems] == ["B019"]
    assert not any(secret in str(report.problems) for secret in ("Zacharias", "415-BAD", "1101"))
    dump = str(
        [
            bring.all(f"SELECT to_jsonb(t)::text FROM {t} t")
            for t in ("borrower", "contact_point", "borrower_key")
        ]
    )
    assert not any(secret in dump for secret in ("Ann", "110101199003071234", "4155552671"))
    point, sealed = bring.all("SELECT contact_point_id, address_sealed FROM contact_point")[0]
    assert open_value(keyring, sealed, "contact_point", "address", point) == "+14155552671"
    found = find_by_id_number(bring.conn, keyring, "110101199003071234")
    assert found is not None and found.name_sealed is not None
    assert open_value(keyring, found.name_sealed, "borrower", "name", found.borrower_id) == "Ann Lee"
    assert find_by_address(bring.conn, keyring, Channel.SMS, "+14155552671") == [
        (found.lane, found.borrower_id)
    ]


def test_a_phone_that_is_none_may_be_left_out_and_is_still_named(bring: Importer) -> None:
    report = bring(
        PEOPLE + PHONE + '    if_bad = "leave-out"\n',
        "cust,name,phone\nC1,Ann,12\nC2,Bo,+14155552671\nC3,Cy,\n",
    )
    assert (report.rejected, [p.code for p in report.problems]) == (0, ["B019"])
    assert report.problems[0].consequence == "Contact point not imported."
    assert bring.all("SELECT count(*) FROM borrower") == [(3,)]
    assert bring.all("SELECT count(*) FROM contact_point") == [(1,)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('zone = "UTC+8"', "B021"),
        ('zone = "Etc/GMT+8"', "B021"),
        ('zone = "Asia/Pekin"', "B021"),
        ('region = "XX"', "B023"),
        ('region = "usa"', "B023"),
        ('language = "klingon"', "B023"),
        ('key = "{empty}"', "B016"),
    ],
)
def test_places_and_languages_are_checked(bring: Importer, line: str, code: str) -> None:
    key = line.split(" ")[0]
    mapping = "\n".join(line if text.strip().startswith(f"{key} =") else text for text in PEOPLE.splitlines())
    report = bring(mapping, "cust,name,empty\nC1,Ann,\n")
    assert [problem.code for problem in report.problems] == [code]


def test_the_same_id_number_joins_the_lane_but_not_the_person(bring: Importer) -> None:
    mapping = PEOPLE + '    id_number = "{idno}"\n'
    rows = "cust,name,idno\n" + "".join(f"C{i},N,ID-{i % 3}\n" for i in range(30))
    bring(mapping, rows, batch_rows=7)
    assert bring.all("SELECT count(*), count(DISTINCT lane) FROM borrower") == [(30, 3)]
    lanes = bring.all("SELECT borrower_key, lane FROM borrower ORDER BY 1")
    bring(mapping, rows)
    assert bring.all("SELECT borrower_key, lane FROM borrower ORDER BY 1") == lanes


def test_keys_share_a_person_where_the_mapping_says_so(bring: Importer, keyring: Keyring) -> None:
    mapping = PEOPLE + '    id_number = "{idno}"\n    same_id_number = "person"\n' + PHONE + LOAN
    rows = """
        cust,name,idno,phone,loan
        C1,Ann,ID-1,+14155552671,L1
        C2,Ann L.,ID-1,+14155552672,L2
    """
    for _ in range(2):
        assert bring(mapping, rows).rejected == 0
        assert bring.all("SELECT borrower_key FROM borrower") == [("C1",)]
        assert bring.all("SELECT count(DISTINCT borrower_id), count(*) FROM loan") == [(1, 2)]
        assert bring.all("SELECT count(*) FROM contact_point WHERE state = 'active'") == [(1,)]
        assert bring.all("SELECT count(*) FROM book_history") == [(0,)]
    first, other = (find_borrower(bring.conn, keyring, key) for key in ("C1", "C2"))
    assert first == other and first is not None


def test_a_new_number_replaces_the_old_and_a_retired_one_stays_retired(
    bring: Importer, database: psycopg.Connection
) -> None:
    def states() -> list[tuple[object, ...]]:
        return bring.all("SELECT rank, state, retired_reason FROM contact_point ORDER BY recorded_at, state")

    bring(PEOPLE + PHONE, "cust,name,phone\nC1,Ann,+14155552671\n")
    bring(PEOPLE + PHONE, "cust,name,phone\nC1,Ann,+14155552672\n")
    assert sorted(states()) == [(1, "active", None), (1, "retired", "replaced")]
    points = database.execute(
        "SELECT lane, contact_point_id FROM contact_point WHERE state = 'active'"
    ).fetchall()
    assert retire_contact_points(database, points, reason="dead number", now=NOW) == 1
    assert retire_contact_points(database, points, reason="dead number", now=NOW) == 0
    database.commit()
    bring(PEOPLE + PHONE, "cust,name,phone\nC1,Ann,+14155552672\n")
    assert sorted(states()) == [(1, "retired", "dead number"), (1, "retired", "replaced")]
    bring(PEOPLE + PHONE, "cust,name,phone\nC1,Ann,+14155552671\n")
    assert sorted(states()) == [(1, "active", None), (1, "retired", "dead number")]
