"""Lines and cells of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.book.mapping import Source
from duecourse.book.source import Row, Unreadable, open_source


def rows(path: Path, content: bytes, **source: object) -> list[Row | Unreadable]:
    path.write_bytes(content)
    with open_source(path, Source(**source)) as opened:  # type: ignore[arg-type]
        return list(opened.rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def test_a_row_is_numbered_by_the_line_it_begins_on(path: Path) -> None:
    read = rows(path, b'a,b\n1,"x\ny\r\nz"\n\n2,w\r\n3,"q"\n')
    assert [(row.number, row.line, row.cells) for row in read if isinstance(row, Row)] == [
        (1, 2, ["1", "x\ny\r\nz"]),
        (2, 6, ["2", "w"]),
        (3, 7, ["3", "q"]),
    ]


def test_a_quotation_mark_that_does_not_close_costs_what_it_swallowed_and_no_more(path: Path) -> None:
    read = rows(path, b'a,b\n1,"x\n2,y\n3,"z"\n4,w\n')
    bad = [row for row in read if isinstance(row, Unreadable)]
    assert [(row.line, row.code) for row in bad] == [(2, "B010")]
    assert "through line 4" in bad[0].message
    assert [row.line for row in read if isinstance(row, Row)] == [5]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
def test_a_broken_byte_is_found_in_every_encoding(path: Path, encoding: str) -> None:
    good = "王小明".encode(encoding)
    read = rows(path, b"a,b\n1," + good + b"\n2,\xff\n3,x\n", encoding=encoding)
    assert [type(row) for row in read] == [Row, Unreadable, Row]
    assert isinstance(read[0], Row) and read[0].cells[1] == "王小明"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            *[st.text(st.characters(exclude_characters='"\x00', exclude_categories=["Cs"]), max_size=8)] * 2
        ),
        max_size=12,
    )
)
def test_whatever_stands_in_quotes_is_read_back_with_its_line(
    path: Path, cells: list[tuple[str, str]]
) -> None:
    line, expected, text = 2, [], "a,b\n"
    for pair in cells:
        row = ",".join(f'"{cell}"' for cell in pair) + "\n"
        expected.append((line, list(pair)))
        text += row
        line += len([part for part in row.replace("\r\n", "\n").replace("\r", "\n")[:-1] if part == "\n"]) + 1
    read = rows(path, text.encode())
    assert [(row.line, row.cells) for row in read if isinstance(row, Row)] == expected
