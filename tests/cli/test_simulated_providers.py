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


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_sandbox_over_http_is_taken_and_anything_else_is_not(kind: str, tmp_path: Path) -> None:
    settings = KINDS[kind].far_end.settings(8080, tmp_path)
    goes_to = [name for name in settings if name in ("url", "gateway", "report_url")]
    assert goes_to, "an adapter over HTTP says where it goes"
    assert codes(kind, settings) == []
    assert codes(kind, settings, sandbox=False) == ["D013"]
    for name in goes_to:
        elsewhere = settings | {name: "https://provider.example"}
        unsaid = {key: value for key, value in settings.items() if key != name}
        assert (codes(kind, elsewhere), codes(kind, unsaid)) == (["D013"], ["D013"]), name


def test_message_centre_of_this_machine_is_taken_and_another_is_not() -> None:
    assert codes("sms.smpp", {"host": "127.0.0.1"}) == []
    assert codes("sms.smpp", {"host": "smsc.example"}) == ["D013"]
