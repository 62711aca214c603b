"""A mask leaves enough to recognise, not enough to use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.privacy.mask import mask_email, mask_id_number, mask_name, mask_phone


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+8613812341234", "+86138****1234"),
        ("13812341234", "138****1234"),
        ("+14155550123", "+141****0123"),
        ("12345678", "****78"),
        ("110", "****"),
        ("", "****"),
    ],
)
def test_phone(number: str, masked: str) -> None:
    assert mask_phone(number) == masked


@given(st.from_regex(r"\+[1-9][0-9]{8,14}", fullmatch=True))
def test_phone_always_hides_four_digits(number: str) -> None:
    assert mask_phone(number).count("*") >= 4
    assert len(mask_phone(number)) == len(number)


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("zhang.san@example.com", "z***@example.com"),
        ("ab@example.com", "***@example.com"),
        ("@example.com", "****"),
        ("no address", "****"),
    ],
)
def test_email(address: str, masked: str) -> None:
    assert mask_email(address) == masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("欧阳娜娜", "欧***"),
        ("𠮷野家", "𠮷**"),
        ("买买提·吐尔逊", "买***"),
        ("Maria Santos", "M*** S***"),
        ("Jo", "J***"),
        ("张", "***"),
        ("", "****"),
    ],
)
def test_name(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("110101199003071234", "110***********1234"),
        ("A12345678", "*******78"),
        ("1234567", "****"),
    ],
)
def test_id_number(number: str, masked: str) -> None:
    assert mask_id_number(number) == masked
