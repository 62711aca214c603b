"""The lock pins everything pyproject.toml asks for, by hash, and names no place to fetch it from."""

from __future__ import annotations

import re
import tomllib

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT

LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def pinned() -> list[tuple[str, str, Marker | None, str]]:
    """(name, version, marker, the entry's text) of every pin."""
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    found = []
    for entry in entries:
        requirement = Requirement(entry.partition(" \\")[0])
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        found.append((canonicalize_name(requirement.name), specifier.version, requirement.marker, entry))
    return found


def asked() -> list[Requirement]:
    """What pyproject.toml asks for: the project's own, the tests', and what builds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    lines = [*project["project"]["dependencies"], *groups["dev"], *groups["build"]]
    return [Requirement(line) for line in lines]


def test_every_dependency_is_pinned_to_a_version_that_is_allowed_for_every_python() -> None:
    for requirement in asked():
        for python in ("3.11", "3.12", "3.13"):
            place = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
            versions = [
                version
                for name, version, marker, _ in pinned()
                if name == canonicalize_name(requirement.name) and (marker is None or marker.evaluate(place))
            ]
            assert len(versions) == 1, f"{requirement.name} on {python}: {versions}; run make lock"
            assert requirement.specifier.contains(versions[0]), f"{requirement}: {versions[0]}; run make lock"


def test_every_pin_has_a_hash() -> None:
    assert [name for name, _, _, entry in pinned() if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_index() -> None:
    assert re.findall(r"https?://|--index|--find-links|file:", LOCK) == []
