"""The same value has the same index however it was typed; different kinds never meet."""

from __future__ import annotations

import pytest

from duecourse.privacy.blind_index import IndexKind, blind_index
from duecourse.privacy.keyring import Keyring

RING = Keyring.new()


@pytest.mark.parametrize(
    ("kind", "spellings", "region"),
    [
        (
            IndexKind.PHONE,
            ["+8613812341234", "138 1234 1234", "0086-138-1234-1234", "１３８１２３４１２３４"],
            "CN",
        ),
        (IndexKind.PHONE, ["+14155550123", "(415) 555-0123", " 1-415-555-0123 "], "US-CA"),
        (IndexKind.EMAIL, ["a.b@example.com", "A.B@Example.COM", " a.b@example.com\n"], ""),
        (
            IndexKind.ID_NUMBER,
            ["11010119900307123X", "110101 19900307 123x", "１１０１０１１９９００３０７１２３Ｘ"],
            "",
        ),
        (IndexKind.CUSTOMER, ["C-1", " C-1 "], ""),
    ],
)
def test_every_spelling_is_found(kind: IndexKind, spellings: list[str], region: str) -> None:
    assert len({blind_index(RING, kind, spelling, region) for spelling in spellings}) == 1


def test_customer_keys_that_differ_in_case_are_two() -> None:
    assert blind_index(RING, IndexKind.CUSTOMER, "c-1") != blind_index(RING, IndexKind.CUSTOMER, "C-1")


def test_kinds_have_keys_of_their_own() -> None:
    assert len({blind_index(RING, kind, "+14155550123") for kind in IndexKind}) == len(IndexKind)


def test_other_installations_have_other_indexes() -> None:
    assert blind_index(RING, IndexKind.EMAIL, "a@b.c") != blind_index(Keyring.new(), IndexKind.EMAIL, "a@b.c")


@pytest.mark.parametrize("kind", list(IndexKind))
def test_empty_value_has_no_index(kind: IndexKind) -> None:
    with pytest.raises(ValueError, match=r"an empty|not a phone number"):
        blind_index(RING, kind, "  ")


def test_error_does_not_repeat_the_number() -> None:
    with pytest.raises(ValueError, match="5 characters") as raised:
        blind_index(RING, IndexKind.PHONE, "call!")
    assert "call!" not in str(raised.value)
