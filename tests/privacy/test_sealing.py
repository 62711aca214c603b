"""What is sealed opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import (
    OVERHEAD_BYTES,
    open_many,
    open_value,
    reseal,
    seal_many,
    seal_value,
    sealed_by,
)

RING = Keyring.new()


def refused(sealed: bytes, table: str, column: str, row_id: str) -> str:
    with pytest.raises(DuecourseError) as raised:
        open_value(RING, sealed, table, column, row_id)
    return raised.value.problems[0].code


@given(st.lists(st.text()))
def test_any_texts_open_as_they_were_sealed(texts: list[str]) -> None:
    rows = [uuid4() for _ in texts]
    sealed = seal_many(RING, texts, "borrower", "name", rows)
    assert open_many(RING, sealed, "borrower", "name", rows) == texts
    sizes = [len(text.encode()) + OVERHEAD_BYTES for text in texts]
    assert [len(value) for value in sealed] == sizes


def test_same_text_is_never_sealed_the_same() -> None:
    assert len(set(seal_many(RING, ["x"] * 100, "t", "c", ["1"] * 100))) == 100


def test_value_opens_only_in_its_own_table_column_and_row() -> None:
    sealed = seal_value(RING, "13812341234", "contact_point", "address", "1")
    assert open_value(RING, sealed, "contact_point", "address", "1") == "13812341234"
    assert refused(sealed, "borrower", "address", "1") == "K005"
    assert refused(sealed, "contact_point", "name", "1") == "K005"
    assert refused(sealed, "contact_point", "address", "2") == "K005"


def test_any_changed_byte_is_seen() -> None:
    sealed = seal_value(RING, "x", "t", "c", "1")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        assert refused(bytes(changed), "t", "c", "1") in ("K004", "K005")
    assert refused(sealed[:-1], "t", "c", "1") == "K005"
    assert refused(b"", "t", "c", "1") == "K005"


def test_another_installations_value_names_the_missing_key() -> None:
    other = Keyring.new()
    assert refused(seal_value(other, "x", "t", "c", "1"), "t", "c", "1") == "K004"


def test_resealing_touches_only_what_an_older_key_sealed() -> None:
    older = seal_many(RING, ["a", "b"], "t", "c", ["1", "2"])
    rotated = RING.rotate()
    current = seal_value(rotated, "c", "t", "c", "3")
    fresh = reseal(rotated, [*older, current], "t", "c", ["1", "2", "3"])
    assert fresh[2] is None
    assert fresh[0] is not None and fresh[1] is not None
    assert {sealed_by(fresh[0]), sealed_by(fresh[1])} == {rotated.primary}
    assert open_many(rotated, [fresh[0], fresh[1]], "t", "c", ["1", "2"]) == ["a", "b"]


def test_error_holds_nothing_of_the_value() -> None:
    sealed = bytearray(seal_value(RING, "Maria", "borrower", "name", "1"))
    sealed[-1] ^= 1
    with pytest.raises(DuecourseError) as raised:
        open_value(RING, bytes(sealed), "borrower", "name", "13812341234")
    assert "13812341234" not in str(raised.value)
