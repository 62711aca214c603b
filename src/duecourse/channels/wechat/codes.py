"""What WeChat's server answers, by `errcode`; HTTP itself always says 200.

Sources: developers.weixin.qq.com, service accounts: 全局返回码, 发送模板消息, 发送订阅通知,
获取稳定版接口调用凭据 (read 2026-11-25).
"""

from __future__ import annotations

from typing import Final

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

STALE_TOKEN: Final = frozenset({40001, 40014, 42001})
ACCOUNT: Final[dict[int, str]] = {
    40002: "grant_type is not accepted",
    40013: "app_id is not one",
    40125: "app_secret is wrong",
    40164: "this machine's address is not on the account's list",
    40243: "app_secret is frozen",
    41002: "app_id is missing",
    41004: "app_secret is missing",
    43107: "the account may not send subscription messages any more",
    48001: "the account has no right to this interface",
    50001: "the account has no right to this interface",
    50002: "the account is limited",
    61004: "this machine's address is not on the account's list",
}
CONTENT: Final[dict[int, str]] = {
    40037: "the template id is not one of the account's",
    41030: "the page is not one of the mini program's",
    43116: "the template was misused and may not be sent",
    45168: "the text holds a word that WeChat does not let pass",
    47003: "a value does not fit its field, or a field is missing",
}
DAY_QUOTA: Final = frozenset({45009})
MINUTE_QUOTA: Final = frozenset({45011, 43108})
PERSON_SECONDS: Final[dict[int, float]] = {43117: 3600.0, 40241: 60.0}
"""Too much to this person, or the same within a minute: nothing is wrong with the provider."""


def outcome(code: int, pause_seconds: float) -> Outcome:
    """The outcome of a send that was not taken. WeChat's own words may hold an OpenID, so they are not kept."""
    label = str(code)
    if code in ACCOUNT:
        return AccountTrouble(label, ACCOUNT[code])
    if code in CONTENT:
        return Refused(label, CONTENT[code], permanent=False, cause=Cause.CONTENT)
    if code in DAY_QUOTA or code in MINUTE_QUOTA:
        return Throttled(label, pause_seconds)
    if code in PERSON_SECONDS:
        return Deferred(label, "too often to this person", PERSON_SECONDS[code])
    if code == 40003:
        return Refused(label, "the OpenID is not of this account", permanent=True, cause=Cause.DEAD)
    if code == 43004:
        # Whoever follows again has the same OpenID: it is not dead.
        return Refused(
            label, "the person does not follow the account", permanent=False, cause=Cause.OPTED_OUT
        )
    if code == 43101:
        return Refused(label, "the person has no subscription left", permanent=False, cause=Cause.NO_CONSENT)
    if code == -1 or code in STALE_TOKEN:
        return Deferred(label, "WeChat has trouble", pause_seconds)
    return Refused(label, "not accepted", permanent=False)
