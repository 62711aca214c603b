"""The account's interface: its access token, the codes by which a person is found, and where messages go.

Sources: developers.weixin.qq.com, service accounts: 获取稳定版接口调用凭据, 生成带参数的二维码, 网页授权
(read 2026-11-25).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr

from duecourse.channels.http.credential import Credential, Lent, NoToken
from duecourse.channels.http.jose import secret_text
from duecourse.channels.http.line import Answer, Ask, HttpLine, HttpSettings
from duecourse.channels.wechat import codes
from duecourse.domain.messaging import AccountTrouble, Deferred, NotWritten

MOST_QR_SECONDS: Final = 2_592_000
_JSON: Final = {"content-type": "application/json"}


class WechatSettings(HttpSettings):
    """[NAME] with kind = "wechat.service" in providers.toml."""

    app_id: str = Field(pattern=r"^wx[0-9a-f]{16}$")
    app_secret: SecretStr | None = None
    app_secret_file: Path | None = None
    url: str = Field(default="https://api.weixin.qq.com", pattern=r"^https?://[^/]+$")
    open_url: str = Field(default="https://open.weixin.qq.com", pattern=r"^https?://[^/]+$")
    """Where a person allows the lender's page to know their OpenID."""
    picture_url: str = Field(default="https://mp.weixin.qq.com", pattern=r"^https?://[^/]+$")
    """Where pictures of QR codes are shown."""
    callback_token: SecretStr
    """The Token of the account's server configuration."""
    encoding_aes_key: SecretStr | None = None
    """The EncodingAESKey of its encryption mode, 43 characters; without it events are taken in clear."""
    subscription_templates: tuple[str, ...] = ()
    """Template ids that are subscription messages: one consent, one message. All others are template messages."""
    long_term_templates: tuple[str, ...] = ()
    """Of those: consents that last until they are withdrawn."""
    mini_program: str = Field(default="", pattern=r"^(wx[0-9a-f]{16})?$")
    """App id of a mini program that opens instead of the link."""
    mini_program_page: str = ""
    throttle_pause_seconds: float = Field(default=60, ge=0, le=3600)


@dataclass(frozen=True, slots=True)
class QrCode:
    """A picture that a person scans."""

    url: str
    """What the picture holds: to draw it ourselves."""
    picture: str
    """Where WeChat shows it."""
    expires_seconds: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """WeChat said no, or nothing."""

    code: str
    reason: str


class WechatAccount:
    """One account over one line. Opened and closed by whoever uses it."""

    def __init__(self, name: str, settings: WechatSettings, line: HttpLine | None = None) -> None:
        """Raises ValueError for a secret that is missing or given twice, OSError for its file."""
        self.settings = settings
        self._secret = secret_text(settings.app_secret, settings.app_secret_file, "app_secret")
        self.line = line or HttpLine(name, settings)
        self.credential = Credential(self._lend, settings.rest_seconds)

    async def ask_for(self, path: str, members: Mapping[str, Any]) -> Ask | NoToken:
        """A request to the account's interface, with the access token that all share."""
        token = await self.credential.get()
        if not isinstance(token, str):
            return token
        content = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
        return Ask(f"{self.settings.url}{path}?access_token={quote(token, safe='')}", content, _JSON)

    def refuse(self, ask: Ask) -> None:
        """The token in this request was not taken: the next request gets another."""
        self.credential.refused(_token_of(ask))

    async def qr_code(self, scene: str, seconds: int) -> QrCode | Trouble:
        """A code that brings `scene` (1 to 64 characters) back as an event when scanned. seconds: up to 30 days."""
        members = {
            "expire_seconds": min(seconds, MOST_QR_SECONDS),
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": scene}},
        }
        told = await self._call("/cgi-bin/qrcode/create", members)
        if isinstance(told, Trouble):
            return told
        picture = (
            f"{self.settings.picture_url}/cgi-bin/showqrcode?ticket={quote(str(told['ticket']), safe='')}"
        )
        return QrCode(str(told["url"]), picture, int(told["expire_seconds"]))

    def authorize_url(self, page: str, state: str) -> str:
        """Where a person lets us know them; WeChat comes back to `page` with `code` and `state` (<= 128 octets)."""
        query = {
            "appid": self.settings.app_id,
            "redirect_uri": page,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
        return f"{self.settings.open_url}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    async def openid_of(self, code: str) -> str | Trouble:
        """Whose WeChat came back with this code. A code serves once and for five minutes."""
        query = {
            "appid": self.settings.app_id,
            "secret": self._secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        url = f"{self.settings.url}/sns/oauth2/access_token?{urlencode(query)}"
        told = _told(await self.line.ask(Ask(url, method="GET")))
        return told if isinstance(told, Trouble) else str(told["openid"])

    async def _call(self, path: str, members: Mapping[str, Any]) -> dict[str, Any] | Trouble:
        for _ in range(2):
            ask = await self.ask_for(path, members)
            if not isinstance(ask, Ask):
                code = "" if isinstance(ask, NotWritten) else ask.code
                return Trouble(code, ask.reason)
            told = _told(await self.line.ask(ask))
            if not isinstance(told, Trouble) or not (
                told.code.isdigit() and int(told.code) in codes.STALE_TOKEN
            ):
                return told
            self.refuse(ask)
        return told

    async def _lend(self) -> Lent | NoToken:
        # Never force_refresh: so every worker is lent the same token, and nobody ends another's.
        members = {
            "grant_type": "client_credential",
            "appid": self.settings.app_id,
            "secret": self._secret,
            "force_refresh": False,
        }
        heard = await self.line.ask(
            Ask(f"{self.settings.url}/cgi-bin/stable_token", json.dumps(members).encode(), _JSON)
        )
        told = _told(heard)
        if not isinstance(told, Trouble):
            return Lent(str(told["access_token"]), float(told["expires_in"]))
        if not told.code:
            return NotWritten("no access token: WeChat does not answer")
        refused = codes.outcome(int(told.code), self.settings.rest_seconds)
        if isinstance(refused, AccountTrouble):
            return refused
        return Deferred(told.code, "WeChat lends no access token", self.settings.rest_seconds)


def errcode_of(answer: Answer) -> int:
    """0 for success. Raises ValueError for what is not WeChat's JSON."""
    told = json.loads(answer.content)
    return int(told.get("errcode", 0))


def _token_of(ask: Ask) -> str:
    return ask.url.rpartition("access_token=")[2]


def _told(heard: object) -> dict[str, Any] | Trouble:
    if not isinstance(heard, Answer):
        return Trouble("", "WeChat does not answer")
    try:
        told = json.loads(heard.content)
        code = int(told.get("errcode", 0))
    except (ValueError, AttributeError, TypeError):
        return Trouble("-1", f"the answer of status {heard.status} is not understood")
    if code:
        return Trouble(str(code), codes.ACCOUNT.get(code, "not accepted"))
    return dict(told)
