"""An installation from a wheel has everything that one from a checkout has."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from repository import ROOT, SOURCE, own_files


def test_a_wheel_carries_every_file_the_program_reads_and_the_examples(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        carried = set(opened.namelist())
    wanted = {
        f"duecourse/{path.relative_to(place).as_posix()}"
        for place, beneath in ((SOURCE, SOURCE), (ROOT, ROOT / "examples"))
        for path in own_files()
        if path.is_relative_to(beneath)
    }
    assert wanted - carried == set()
    assert any(name.endswith("licenses/LICENSE") for name in carried)


def test_an_editable_install_maps_the_source_folder_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel:editable", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        (paths,) = (name for name in opened.namelist() if name.endswith(".pth"))
        assert opened.read(paths).decode().split() == [str(ROOT / "src")]
