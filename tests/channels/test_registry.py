from __future__ import annotations

import pytest

from duecourse.channels.registry import IN_BOOK, KINDS, build
from duecourse.domain.problems import DuecourseError

from .cases import CASES
from .conformance import Sink


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_names_an_adapter_and_its_other_side(kind: str):
    """They are loaded by name, so that nothing but this would find a name that leads nowhere."""
    known = KINDS[kind]
    assert (known.adapter.kind, str(known.adapter.channel)) == (kind, kind.partition(".")[0])  # type: ignore[attr-defined]
    assert callable(known.far_end.of) and callable(known.far_end.settings)


def test_every_adapter_with_another_side_is_judged_by_the_conformance_suite():
    judged = {case.kind for case in CASES}
    # The signed webhooks are one adapter under six names; the suite judges the first.
    assert {kind for kind in KINDS if not kind.endswith(".webhook")} | {"sms.webhook"} == judged


@pytest.mark.parametrize("kind", IN_BOOK)
def test_each_kind_of_the_book_can_be_built(kind: str):
    sink = Sink()
    assert build(kind, kind, {}, sink.on_receipts, sink.on_reply).kind == kind


def test_kind_that_nobody_knows_is_said_with_those_that_are():
    sink = Sink()
    with pytest.raises(DuecourseError, match=r"'sms.acme' is unknown; known: .*sms.smpp.*C001"):
        build("sms.acme", "acme", {}, sink.on_receipts, sink.on_reply)
