"""The key ring's file: whole, private, never overwritten with less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring, new_keyring, rotate
from duecourse.privacy.sealing import open_value, seal_value


def code(raised: pytest.ExceptionInfo[DuecourseError]) -> list[str]:
    return [problem.code for problem in raised.value.problems]


def test_ring_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    ring = new_keyring(tmp_path / "keys.json")
    assert Keyring.load(tmp_path / "keys.json") == ring
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_missing_ring_is_named(tmp_path: Path) -> None:
    with pytest.raises(DuecourseError) as raised:
        Keyring.load(tmp_path / "keys.json")
    assert code(raised) == ["K001"]


def test_ring_open_to_others_is_refused(tmp_path: Path) -> None:
    new_keyring(tmp_path / "keys.json")
    (tmp_path / "keys.json").chmod(0o640)
    with pytest.raises(DuecourseError) as raised:
        Keyring.load(tmp_path / "keys.json")
    assert code(raised) == ["K002"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": "duecourse-keys-9"},
        {"primary": "00000001"},
        {"index": "c2hvcnQ="},
        {"digest": "not base64 at all!"},
        {"sealing": []},
    ],
)
def test_file_that_is_no_ring_is_refused_without_quoting_it(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "keys.json"
    new_keyring(path)
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | change))
    with pytest.raises(DuecourseError) as raised:
        Keyring.load(path)
    assert code(raised) == ["K003"]
    assert found["digest"] not in str(raised.value)
    assert raised.value.__cause__ is None


def test_truncated_ring_is_refused(tmp_path: Path) -> None:
    new_keyring(tmp_path / "keys.json")
    text = (tmp_path / "keys.json").read_text()
    (tmp_path / "keys.json").write_text(text[: len(text) // 2])
    with pytest.raises(DuecourseError) as raised:
        Keyring.load(tmp_path / "keys.json")
    assert code(raised) == ["K003"]


def test_another_ring_is_not_overwritten(tmp_path: Path) -> None:
    first = new_keyring(tmp_path / "keys.json")
    with pytest.raises(DuecourseError) as raised:
        new_keyring(tmp_path / "keys.json")
    assert code(raised) == ["K006"]
    assert Keyring.load(tmp_path / "keys.json") == first


def test_rotation_lost_to_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = new_keyring(path)
    rotate(path)
    with pytest.raises(DuecourseError) as raised:
        old.rotate().save(path)
    assert code(raised) == ["K006"]


def test_rotation_keeps_old_values_open_and_indexes_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = new_keyring(path)
    sealed = seal_value(old, "张三", "borrower", "name", "1")
    new = rotate(path)
    assert new.primary != old.primary
    assert open_value(new, sealed, "borrower", "name", "1") == "张三"
    assert new.index("phone", "+8613812341234") == old.index("phone", "+8613812341234")
    assert new.digest("text") == old.digest("text")


def test_repr_shows_no_key() -> None:
    ring = Keyring.new()
    assert all(key.hex() not in repr(ring) and repr(key) not in repr(ring) for key in ring.sealing.values())
    assert repr(ring) == f"Keyring(primary={ring.primary})"
