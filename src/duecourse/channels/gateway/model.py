"""How a gateway is described: providers.toml, `kind = "sms.http"`. Data alone: nothing in it is run.

docs/how-to/describe-an-sms-gateway.md shows it at work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from duecourse.channels.http.line import HttpSettings
from duecourse.channels.http.verdicts import Meaning
from duecourse.domain.messaging import Cause, ReceiptStatus

PLACEHOLDERS: Final = frozenset(
    {
        "number", "digits", "bare", "text", "attempt", "sender", "signature", "template", "values", "valid_seconds",
        "valid_minutes", "language", "purpose", "username", "password", "secret", "callback_url",
    }
)  # fmt: skip
"""What may stand in braces. number: +8613800000000; digits: without the plus; bare: a mainland number without 86."""
SECRETS: Final = frozenset({"password", "secret"})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"^[^.\s]+(\.[^.\s]+)*$")
_HEADER = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
Path: TypeAlias = str
"""Names and numbers joined by dots: `data.0.id`; '' is the whole."""


class Format(StrEnum):
    """How a body is written."""

    JSON = "json"
    FORM = "form"
    TEXT = "text"
    """Only of answers: fields between separators, counted from 0."""


class Check(StrEnum):
    """How a callback is told from anybody's."""

    TOKEN = "token"
    HMAC = "hmac"
    NETWORKS = "networks"
    NONE = "none"
    """Anybody may say what became of a message. For a private network alone."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RequestShape(_Part):
    """How a message is posted."""

    method: str = Field(default="POST", pattern=r"^(POST|PUT|GET)$")
    url: str = Field(pattern=r"^https?://[^/\s{}]+(/\S*)?$")
    format: Format = Format.FORM
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: Mapping[str, Any] = Field(min_length=1)
    """Names to templates. For JSON it may nest, and hold numbers and booleans; of a GET it is the query."""
    basic: bool = False
    """Send username and password as Basic authentication."""

    @field_validator("headers")
    @classmethod
    def _headers_are_some(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            if not _HEADER.match(name) or not value.isascii() or not value.isprintable():
                raise ValueError(f"header '{name}' is none")
        return headers

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.format is Format.TEXT:
            raise ValueError("format is json or form")
        if self.method == "GET" and self.format is Format.JSON:
            raise ValueError('a GET has no body: format = "form"')
        if self.format is Format.FORM and any(
            isinstance(value, (dict, list)) for value in self.body.values()
        ):
            raise ValueError("a form does not nest")
        for template in (self.url, *self.headers.values(), *leaves(self.body)):
            check_template(template)
        if "number" not in self.used() and not {"digits", "bare"} & self.used():
            raise ValueError("nothing says to whom: use {number}, {digits} or {bare} in the body")
        if not {"text", "values"} & self.used():
            raise ValueError("nothing says what: use {text} or {values} in the body")
        return self

    def used(self) -> set[str]:
        """Placeholders of the body."""
        return self.used_in(leaves(self.body))

    @staticmethod
    def used_in(templates: Any) -> set[str]:
        """Placeholders of these templates."""
        return {name for template in templates for name in _PLACEHOLDER.findall(template)}


class AnswerShape(_Part):
    """How an answer is read."""

    format: Format = Format.JSON
    separator: str = Field(default=",", min_length=1, max_length=4)
    """Of a text answer."""
    accepted_at: Path = ""
    """Where the word of acceptance stands; '' takes the HTTP status alone, 2xx."""
    accepted_is: tuple[str, ...] = ()
    id_at: Path = ""
    """The gateway's id; '' where it gives none, then it is our attempt's."""
    code_at: Path = ""
    """Its code of a refusal; '' where that is the word itself."""
    parts_at: Path = ""

    @field_validator("accepted_at", "id_at", "code_at", "parts_at")
    @classmethod
    def _is_path(cls, path: str) -> str:
        return check_path(path)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.accepted_at) != bool(self.accepted_is):
            raise ValueError("accepted_at and accepted_is belong together")
        return self


class Code(_Part):
    """What a code of a refusal means."""

    meaning: Meaning
    cause: Cause = Cause.OTHER
    after_seconds: float = Field(default=0, ge=0, le=86_400)


class CallbackShape(_Part):
    """How the gateway tells what became of messages, and what people answer."""

    check: Check
    format: Format = Format.JSON
    """form also reads the query of a GET."""
    list_at: Path = ""
    """Where the list of receipts stands; '' is the body itself, one receipt or a list."""
    id_at: Path = ""
    attempt_at: Path = ""
    """Our {attempt}, where the gateway carries it back."""
    status_at: Path = ""
    code_at: Path = ""
    """'' where the status is all."""
    statuses: Mapping[str, ReceiptStatus] = Field(default_factory=dict)
    other_status: ReceiptStatus | None = None
    """Of a status that is not listed; none refuses the callback."""
    causes: Mapping[str, Cause] = Field(default_factory=dict)
    """By code. `dead` retires the number."""
    reply_text_at: Path = ""
    """A callback that has this is what a person wrote."""
    reply_from_at: Path = ""
    reply_to_at: Path = ""
    reply_id_at: Path = ""
    """The gateway's own name of a reply: the same told again is the same reply."""
    answer: str = "OK"
    answer_type: str = Field(default="text/plain", pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    header: str = ""
    """Of a signature."""
    algorithm: str = Field(default="sha256", pattern=r"^(sha1|sha256|sha512)$")
    encoding: str = Field(default="hex", pattern=r"^(hex|base64)$")
    prefix: str = ""
    """Before the signature, as `sha256=`."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @field_validator(
        "list_at",
        "id_at",
        "attempt_at",
        "status_at",
        "code_at",
        "reply_text_at",
        "reply_from_at",
        "reply_to_at",
        "reply_id_at",
    )
    @classmethod
    def _is_path(cls, path: str) -> str:
        return check_path(path)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.format is Format.TEXT:
            raise ValueError("format is json or form")
        if self.status_at and not (self.id_at or self.attempt_at):
            raise ValueError("nothing says of which message: give id_at or attempt_at")
        if self.status_at and not self.statuses:
            raise ValueError("statuses says what none means")
        if bool(self.reply_text_at) != bool(self.reply_from_at):
            raise ValueError("reply_text_at and reply_from_at belong together")
        if not self.status_at and not self.reply_text_at:
            raise ValueError("it tells neither receipts nor replies: give status_at or reply_text_at")
        if self.check is Check.HMAC and not self.header:
            raise ValueError('check = "hmac" needs the header that holds the signature')
        if self.check is Check.NETWORKS and not self.networks:
            raise ValueError('check = "networks" needs networks')
        return self


class GatewaySettings(HttpSettings):
    """[NAME] with kind = "sms.http" in providers.toml."""

    request: RequestShape
    answer: AnswerShape = AnswerShape()
    codes: Mapping[str, Meaning | Code] = Field(default_factory=dict)
    """The gateway's codes; one that is not listed refuses the message and says nothing of the number."""
    callback: CallbackShape | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")
    """An API key: {secret} in a header or the body."""
    callback_token: SecretStr = SecretStr("")
    """For check = "token": stands in the callback address as ?token=…"""
    callback_secret: SecretStr = SecretStr("")
    """For check = "hmac"."""
    callback_url: str = Field(default="", pattern=r"^(https?://[^?#]+)?$")
    """Our address for it, for gateways that are told it with every message."""
    sender: str = ""
    signature: str = ""
    country: str = Field(default="86", pattern=r"^[1-9]\d{0,2}$")
    """Of numbers that a callback writes without one."""

    @model_validator(mode="after")
    def _has_what_it_uses(self) -> Self:
        templates = [self.request.url, *self.request.headers.values(), *leaves(self.request.body)]
        used = RequestShape.used_in(templates)
        for name in ("username", "password", "secret", "callback_url"):
            value = getattr(self, name)
            if name in used and not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                raise ValueError(f"{{{name}}} is used, and {name} is not given")
        for name in ("username", "password", "secret"):
            value = getattr(self, name)
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            if not (plain.isascii() and (plain.isprintable() or not plain)):
                raise ValueError(f"{name} has characters that no header can hold")
        foreign = RequestShape.used_in(self.request.headers.values()) - IN_HEADERS
        if foreign:
            raise ValueError(
                f"a header may hold {', '.join(sorted(IN_HEADERS))}, not {', '.join(sorted(foreign))}"
            )
        if SECRETS & RequestShape.used_in([self.request.url]):
            raise ValueError("a secret does not belong into an address: logs keep addresses")
        if PERSONAL & RequestShape.used_in([self.request.url]):
            raise ValueError("number and text do not belong into the address: put them into the body")
        check = self.callback.check if self.callback else None
        if check is Check.TOKEN and not self.callback_token.get_secret_value():
            raise ValueError('check = "token" needs callback_token')
        if check is Check.HMAC and not self.callback_secret.get_secret_value():
            raise ValueError('check = "hmac" needs callback_secret')
        return self


IN_HEADERS: Final = frozenset({"username", "password", "secret", "attempt"})
PERSONAL: Final = frozenset({"number", "digits", "bare", "text", "values"})


def leaves(value: Any) -> Iterator[str]:
    """The strings of a body, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each)
    elif not isinstance(value, (bool, int, float, type(None))):
        raise ValueError(f"a body holds text, numbers, true and false, not {type(value).__name__}")


def check_template(template: str) -> None:
    """Raises ValueError for a placeholder that there is not, or a brace that stands alone."""
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            raise ValueError(f"{{{name}}} is unknown; known: {', '.join(sorted(PLACEHOLDERS))}")
    rest = _PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise ValueError("a brace stands alone")


def check_path(path: str) -> str:
    """Raises ValueError for what is none."""
    if path and not _PATH.match(path):
        raise ValueError(f"'{path}' is no path; write names and numbers joined by dots")
    return path


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A body with its placeholders replaced, all at once: what is put in is never read again."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: known[match[1]], value)
    if isinstance(value, Mapping):
        return {key: filled(each, known) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(each, known) for each in value]
    return value
