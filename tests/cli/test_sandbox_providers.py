from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from duecourse.channels.registry import KINDS
from duecourse.cli.providers import Provider, check_providers
from duecourse.cli.sandbox import as_toml
from duecourse.domain.problems import DuecourseError


def provider(kind: str, folder: Path) -> Provider:
    return Provider("here", kind, True, KINDS[kind].far_end.settings(4321, folder))


def refused(providers: list[Provider], *, simulated: bool) -> list[str]:
    """The providers that do not fit the book."""
    try:
        check_providers(providers, simulated=simulated)
    except DuecourseError as error:
        return [problem.where for problem in error.problems]
    return []


@pytest.mark.parametrize("kind", KINDS)
def test_printed_settings_are_what_the_adapter_takes(kind, tmp_path):
    one = provider(kind, tmp_path)
    assert tomllib.loads(as_toml(one))["here"] == {"kind": kind, "sandbox": True, **one.config}


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_book_may_use_every_far_end_of_the_sandbox_and_a_live_one_none(kind, tmp_path):
    assert refused([provider(kind, tmp_path)], simulated=True) == []
    assert refused([provider(kind, tmp_path)], simulated=False) == ["provider here"]


def test_simulated_book_reaches_no_gateway_elsewhere_whatever_its_entry_claims(tmp_path):
    config = KINDS["sms.http"].far_end.settings(4321, tmp_path)
    config["request"]["url"] = "https://gateway.example/send"
    with pytest.raises(DuecourseError, match="D013"):
        check_providers([Provider("there", "sms.http", True, config)], simulated=True)
