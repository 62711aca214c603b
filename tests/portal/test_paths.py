"""Every path of the pages, as a visitor walks it."""

from __future__ import annotations

import pytest

from visiting import Portal

ALL = [
    "/me", "/me/history", "/me/paid", "/me/promise", "/me/dispute", "/me/preferences", "/me/stop", "/me/contact",
    "/me/data", "/me/leave", "/check", "/display",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
def test_every_page_is_there_in_every_language(portal: Portal, borrow: str, language: str) -> None:
    visitor = portal.visitor(borrow)
    visitor.post("/display", language=language, large="1", back="/me")
    for path in ALL:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{language}"' in answer.text and 'class="large"' in answer.text, path
