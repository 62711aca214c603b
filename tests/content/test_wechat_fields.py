"""The bounds of WeChat's fields, from its own table and examples."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

import pytest

from duecourse.content.wechat_fields import FIELD_TYPES, field_fault, field_type


@pytest.mark.parametrize(
    ("keyword", "takes", "refuses"),
    [
        ("thing1", ["汽车贷款", "x" * 20, "A 1!"], ["", "x" * 21, "a\nb"]),
        ("number2", ["339208499", "3.5", "1" * 32], ["1" * 33, "1,5", "一"]),
        ("letter1", ["abcXYZ"], ["a1", "a" * 33]),
        ("symbol1", ["***", "!"], ["a", "!!!!!!"]),
        ("character_string4", ["HT2026-0001", "x" * 32], ["合同", "x" * 33, "a b"]),
        (
            "time5",
            ["15:01", "2019年10月1日 15:01", "2019年10月1日 15:01~2019年10月2日 09:00"],
            ["3pm", "下午"],
        ),
        (
            "date3",
            ["2019年10月1日", "2019年10月1日 15:01", "2018-01-01", "3月10日", "2018.01.01"],
            ["10 March"],
        ),
        ("amount2", ["¥1234.50", "1234元", "$5", "1234567890"], ["¥1,234.50", "CN¥5", "12345678901", "¥-5"]),
        ("phone_number1", ["+86-0766-66888866", "4008106688"], ["x", "1" * 18]),
        ("car_number1", ["粤A8Z888挂"], ["粤A8Z88888挂"]),
        ("name1", ["王小芳", "Alex Morgan"], ["王" * 11, "x" * 21, "王小芳小芳小芳小芳 A"]),
        ("phrase5", ["配送中"], ["配送中配送中", "abc"]),
    ],
)
def test_a_field_takes_what_wechat_takes(keyword: str, takes: list[str], refuses: list[str]) -> None:
    assert [value for value in takes if field_fault(keyword, value)] == []
    assert [value for value in refuses if not field_fault(keyword, value)] == []


def test_a_fault_tells_the_bounds_and_quotes_nothing() -> None:
    fault = field_fault("phrase5", "Ann Lee")
    assert fault == "phrase5 takes at most 5 Chinese characters; this has 7 characters"


@pytest.mark.parametrize(
    ("keyword", "kind"),
    [("thing1", "thing"), ("character_string12", "character_string"), ("thing", None), ("first", None), ("thing100", None)],
)  # fmt: skip
def test_a_keyword_is_a_type_and_a_number(keyword: str, kind: str | None) -> None:
    assert field_type(keyword) == kind
    assert all(field_type(f"{known}1") == known for known in FIELD_TYPES)
