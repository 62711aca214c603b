"""Where a borrower may be whose zone the lender does not state."""

from __future__ import annotations

import json

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

from duecourse.book.residence import number_zones
from duecourse.domain.zones import candidates, clock_of, place_names, zones_around, zones_of_country
from duecourse.rules.packs import load_packs

from .conftest import Importer

ALL_OF_THE_US = [
    "Pacific/Honolulu", "America/Adak", "America/Anchorage", "America/Los_Angeles", "America/Phoenix", "America/Denver",
    "America/Chicago", "America/New_York",
]  # fmt: skip
MAPPING = """
    mapping = "test"
    [borrower]
    key = "{key}"
    language = "en"
    region = "{region}"
    zone = "{zone}"
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
"""
UNSAID = MAPPING.replace('    zone = "{zone}"\n', "")
NUMBERS = """
    mapping = "numbers"
    [[contact_point]]
    borrower = "{key}"
    region = "{region}"
    channel = "sms"
    rank = { column = "rank" }
    address = "{phone}"
"""


def zones(bring: Importer) -> list[tuple[str, str, list[str] | None]]:
    return bring.all("SELECT borrower_key, zone, zones FROM borrower ORDER BY borrower_key, lane")


def take(
    bring: Importer, mapping: str, *rows: str, head: str = "key,region,zone,phone", **options: object
) -> object:
    return bring(mapping, "\n".join([head, *rows]) + "\n", zones_of=load_packs().zones, **options)


@pytest.mark.parametrize(
    ("region", "phone", "zone", "candidates"),
    [
        ("US-MA", "", "America/New_York", ["America/New_York"]),
        ("US", "+16175550123", "America/New_York", ["America/New_York"]),
        ("US", "", "Pacific/Honolulu", ALL_OF_THE_US),
        ("US", "+18002255288", "Pacific/Honolulu", ALL_OF_THE_US),  # toll-free: from anywhere
        ("US-CA", "+16175550123", "America/Los_Angeles", ["America/Los_Angeles", "America/New_York"]),
        ("CN", "+16175550123", "America/New_York", ["America/New_York", "Asia/Shanghai"]),
        ("IN", "+919812345678", "Asia/Kolkata", ["Asia/Kolkata"]),  # its table still says Asia/Calcutta
        ("GB", "+447400123456", "Europe/London", ["Europe/London"]),  # or Jersey, where it is as late
    ],
)
def test_a_zone_nobody_states_is_what_region_and_number_leave(
    bring: Importer, region: str, phone: str, zone: str, candidates: list[str]
) -> None:
    report = take(bring, UNSAID, f"B,{region},,{phone}")
    assert (report.state, report.rejected) == ("done", 0)
    assert zones(bring) == [("B", zone, candidates)]


def test_a_stated_zone_wins_and_an_empty_cell_states_none(bring: Importer) -> None:
    take(bring, MAPPING, "A,US,America/Chicago,+16175550123", "B,US,,+16175550123")
    assert zones(bring) == [("A", "America/Chicago", None), ("B", "America/New_York", ["America/New_York"])]


def test_a_number_that_contradicts_the_region_is_noted(bring: Importer) -> None:
    report = take(bring, UNSAID, "A,US-CA,,+16175550123", "B,US-MA,,+16175550123")
    assert report.counts["zones contradicted"] == 1
    (totals,) = bring.all("SELECT totals FROM book_import")
    assert totals[0]["zones contradicted"] == 1


def test_a_borrower_whose_zone_nobody_can_know_is_refused_by_a_check_and_by_the_import(
    bring: Importer,
) -> None:
    for check in (True, False):
        report = take(bring, UNSAID, "A,XK,,", "B,US-MA,,", dry_run=check)
        assert dict(report.codes) == {"B114": 1}
        assert (
            "region: nobody knows the zones of 'XK'; state the borrower's zone" in report.problems[0].message
        )
    assert zones(bring) == [("B", "America/New_York", ["America/New_York"])]
    assert take(bring, MAPPING, "A,XK,Europe/Belgrade,").rejected == 0


def test_numbers_that_come_later_and_go_change_the_candidates(bring: Importer) -> None:
    take(bring, UNSAID, "B,US,,")
    assert zones(bring) == [("B", "Pacific/Honolulu", ALL_OF_THE_US)]
    head = "key,region,phone,rank"
    take(bring, NUMBERS, "B,US,+16175550123,1", head=head)
    assert zones(bring) == [("B", "America/New_York", ["America/New_York"])]
    take(bring, NUMBERS, "B,US,+13125550123,2", head=head)
    assert zones(bring) == [("B", "America/Chicago", ["America/Chicago", "America/New_York"])]
    take(bring, NUMBERS, "B,US,+13125550199,1", head=head)  # the one in Boston is replaced
    assert zones(bring) == [("B", "America/Chicago", ["America/Chicago"])]


def test_the_same_file_again_changes_nothing_and_a_stated_zone_takes_the_candidates_away(
    bring: Importer,
) -> None:
    take(bring, UNSAID, "B,US,,+16175550123")
    again = take(bring, UNSAID, "B,US,,+16175550123")
    assert (again.counts["borrowers same"], again.counts["borrowers changed"]) == (1, 0)
    assert zones(bring) == [("B", "America/New_York", ["America/New_York"])]
    take(bring, MAPPING, "B,US,America/Denver,+16175550123")
    assert zones(bring) == [("B", "America/Denver", None)]


def test_a_guarantor_in_another_lane_has_the_same_candidates_in_each_row(bring: Importer) -> None:
    mapping = (
        UNSAID
        + """
        [loan]
        ref = "L-{key}"
        creditor = "bank"
        product = "cash-loan"
        method = "given"
        currency = "USD"
        [[party]]
        role = "guarantor"
        key = "{guarantor}"
        name = "Gus"
    """
    )
    take(
        bring,
        mapping,
        *(f"B{n},US,,+16175550123,G" for n in range(6)),
        head="key,region,zone,phone,guarantor",
    )
    rows = [row for row in zones(bring) if row[0] == "G"]
    assert len(rows) > 1
    take(bring, NUMBERS, "G,US,+13125550123,1", head="key,region,phone,rank")
    assert {json.dumps(row) for row in zones(bring) if row[0] == "G"} == {
        json.dumps(["G", "America/Chicago", ["America/Chicago"]])
    }


def test_without_packs_a_state_has_the_zones_of_its_country() -> None:
    assert zones_around("US-MA") == zones_of_country("US")
    assert zones_around("XK") == ()


def test_zones_with_the_same_clock_are_one_and_a_number_that_says_nothing_changes_nothing() -> None:
    assert candidates(["America/New_York", "America/Detroit"], []) == (("America/New_York",), False)
    assert candidates(["Asia/Kolkata"], [()]) == (("Asia/Kolkata",), False)
    assert [clock_of(name) for name in place_names(("Asia/Calcutta", "Etc/Unknown"))] == [
        clock_of("Asia/Kolkata")
    ]


def test_every_kind_of_number_is_where_the_library_says_by_the_clock() -> None:
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE)
    examples = [
        number
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    ]
    assert len(examples) > 600
    for number in examples:
        address = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        said = place_names(time_zones_for_number(number))
        assert set(map(clock_of, number_zones(address))) == set(map(clock_of, said)), address
    assert len(number_zones("+79123456789")) > 5  # a mobile number, from anywhere in Russia
