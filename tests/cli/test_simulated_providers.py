"""A simulated book sends only to this machine, whatever protocol a provider speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from duecourse.channels.http.adapter import HttpAdapter
from duecourse.channels.registry import KINDS
from duecourse.cli.providers import Provider, check_providers
from duecourse.domain.problems import DuecourseError

OVER_HTTP = sorted(
    name
    for name, kind in KINDS.items()
    if isinstance(kind.adapter, type) and issubclass(kind.adapter, HttpAdapter)
)


def codes(kind: str, config: dict[str, Any], *, sandbox: bool = True) -> list[str]:
    try:
        check_providers([Provider("p", kind, sandbox, config)], simulated=True)
    except DuecourseError as error:
        return [problem.code for problem in error.problems]
    return []


def going_to(settings: dict[str, Any], address: str | None) -> list[dict[str, Any]]:
    """The settings with each address that they go to, at whatever depth, replaced by this one; None leaves it out."""
    changed = []
    for name, value in settings.items():
        if isinstance(value, dict):
            changed += [settings | {name: inner} for inner in going_to(value, address)]
        elif name in ("url", "gateway", "report_url"):
            rest = {key: value for key, value in settings.items() if key != name}
            changed.append(rest if address is None else rest | {name: address})
    return changed


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_sandbox_over_http_is_taken_and_anything_else_is_not(kind: str, tmp_path: Path) -> None:
    settings = KINDS[kind].far_end.settings(8080, tmp_path)
    assert codes(kind, settings) == []
    assert codes(kind, settings, sandbox=False) == ["D013"]
    elsewhere = going_to(settings, "https://provider.example")
    assert elsewhere, "an adapter over HTTP says where it goes"
    assert [codes(kind, each) for each in elsewhere] == [["D013"]] * len(elsewhere)


@pytest.mark.parametrize("kind", ["app.apns", "app.fcm", "app.jpush", "webpush.vapid", "wechat.service"])
def test_address_that_is_not_said_is_the_providers_own(kind: str, tmp_path: Path) -> None:
    unsaid = going_to(KINDS[kind].far_end.settings(8080, tmp_path), None)
    assert [codes(kind, each) for each in unsaid] == [["D013"]] * len(unsaid)


def test_message_centre_of_this_machine_is_taken_and_another_is_not() -> None:
    assert codes("sms.smpp", {"host": "127.0.0.1"}) == []
    assert codes("sms.smpp", {"host": "smsc.example"}) == ["D013"]
