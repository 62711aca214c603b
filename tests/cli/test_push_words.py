"""What WeChat and push services answer is shown in Chinese too."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repository import SOURCE, modules

from duecourse.book.binding import Bound
from duecourse.channels.apns.codes import ACCOUNT as APNS_ACCOUNT
from duecourse.channels.apns.codes import DEAD as APNS_DEAD
from duecourse.channels.jpush.codes import MEANINGS as JPUSH
from duecourse.channels.wechat.codes import ACCOUNT, CONTENT
from duecourse.cli.chinese import REASONS

FAMILIES = ("apns", "fcm", "jpush", "webpush", "wechat")
OUTCOMES = {"Refused", "Deferred", "AccountTrouble", "NotWritten"}


def reasons() -> Iterator[str]:
    """Second arguments of outcomes, as literals."""
    for family in FAMILIES:
        for path, tree in modules(SOURCE / "channels" / family).items():
            if path.name == "far_end.py":
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    at = {"refused_address": 0, "NotWritten": 0}.get(node.func.id, 1)
                    named = node.func.id in OUTCOMES or node.func.id == "refused_address"
                    if named and len(node.args) > at and isinstance(node.args[at], ast.Constant):
                        yield str(node.args[at].value)


def test_every_reason_of_wechat_and_push_services_has_its_chinese() -> None:
    found = set(reasons())
    assert len(found) > 25, "outcomes are written in another way now; mend reasons()"
    tables = {
        *JPUSH.values(),
        *ACCOUNT.values(),
        *CONTENT.values(),
        *APNS_ACCOUNT.values(),
        *APNS_DEAD.values(),
    }
    binding = {each.value for each in (Bound.HELD, Bound.RETIRED, Bound.NO_BORROWER)}
    assert (found | tables | binding) - set(REASONS) == set()
