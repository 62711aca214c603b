"""Which providers are used: providers.toml of the home, or the sandbox of a simulated book."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duecourse.book.addresses import PLATFORMS
from duecourse.channels.http.adapter import HttpAdapter
from duecourse.channels.registry import IN_BOOK, KINDS, build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.dispatch.lines import Registration
from duecourse.dispatch.switchboard import Switchboard
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem

from .routing import take_routing

_FROM_ENVIRONMENT = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry of providers.toml: [NAME] with kind, sandbox and the adapter's own settings."""

    name: str
    kind: str
    sandbox: bool
    config: Mapping[str, Any]


def sandbox_providers(sandbox: SandboxProcess) -> list[Provider]:
    """The far ends of a running sandbox. Registered there is whatever a rule may ask for."""
    registered = {"registered": ["signature", "header", "template", "category-suffix"]}
    return [
        Provider(
            provider_name(kind),
            kind,
            True,
            sandbox.settings(kind) | (registered if kind.startswith("sms.") else {}),
        )
        for kind in sandbox.ports
    ]


def read_providers(path: Path, environment: Mapping[str, str] | None) -> list[Provider]:
    """Read providers.toml. A value "${NAME}" is taken from the environment, so that secrets stay out of files; None
    leaves them as they stand, for who asks only which providers there are.

    Raises DuecourseError D010 (no file), D011 (not TOML or not a table), D012 (variable not set).
    """
    if not path.exists():
        raise DuecourseError(
            Problem(
                "D010",
                str(path),
                "no providers are configured; describe them in this file (docs/reference/channels)",
                "Nothing can be sent.",
            )
        )
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DuecourseError(
            Problem("D011", str(path), f"is not TOML: {error}", "Nothing can be sent.")
        ) from None
    providers = []
    problems = []
    for name, entry in tables.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            problems.append(
                Problem("D011", f"{path}, [{name}]", 'expected a table with kind = "sms.smpp" or such')
            )
            continue
        config = {key: value for key, value in entry.items() if key not in ("kind", "sandbox")}
        for inner, where in [(config, ""), *((v, f"{k}.") for k, v in config.items() if isinstance(v, dict))]:
            for key, value in inner.items():
                if (
                    environment is not None
                    and isinstance(value, str)
                    and (match := _FROM_ENVIRONMENT.fullmatch(value))
                ):
                    if match[1] not in environment:
                        found = f"environment variable {match[1]} is not set"
                        problems.append(Problem("D012", f"{path}, [{name}] {where}{key}", found))
                    inner[key] = environment.get(match[1], "")
        providers.append(Provider(name, entry["kind"], bool(entry.get("sandbox", False)), config))
    if problems:
        raise DuecourseError(problems)
    return providers


def provider_names(home: Path) -> list[str]:
    """Those of the home's providers.toml and those that every book has, in order; none where it cannot be read."""
    try:
        found = with_book_channels(read_providers(home / "providers.toml", None))
    except DuecourseError:
        return []
    return sorted(one.name for one in found if not is_checker(one.kind))


def check_providers(providers: list[Provider], *, simulated: bool) -> None:
    """A simulated book reaches nobody real; a live book's messages never vanish in a sandbox.

    Raises DuecourseError D013: each provider that does not fit the book.
    """
    problems = []
    for provider in providers:
        if provider.kind in IN_BOOK or is_checker(provider.kind):
            continue
        if simulated and not (provider.sandbox and _stays_here(provider)):
            problems.append(
                Problem(
                    "D013",
                    f"provider {provider.name}",
                    "the book is simulated, and this is no sandbox on this machine (sandbox = true and a loopback "
                    "host or url)",
                    "Nothing was sent.",
                )
            )
        if not simulated and provider.sandbox:
            problems.append(
                Problem(
                    "D013",
                    f"provider {provider.name}",
                    "the book is live, and a sandbox would take messages that nobody receives",
                    "Nothing was sent.",
                )
            )
    if problems:
        raise DuecourseError(problems)


def _stays_here(provider: Provider) -> bool:
    """Whether its adapter, told so, goes to addresses of this machine alone."""
    kind = KINDS.get(provider.kind)
    adapter: Any = kind.adapter if kind is not None else None
    if not (isinstance(adapter, type) and issubclass(adapter, HttpAdapter)):
        return _is_loopback(str(provider.config.get("host", "localhost")))
    goes_to = [
        name
        for name, field in adapter.settings_type.model_fields.items()
        if name in ("url", "gateway") or str(field.default).startswith(("http://", "https://"))
    ]
    addresses = [provider.config.get(name, "") for name in goes_to]
    # A described gateway has its address one level down.
    addresses += [
        part["url"] for part in provider.config.values() if isinstance(part, dict) and "url" in part
    ]
    return all(_is_loopback(urlsplit(str(address)).hostname or "") for address in addresses)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checker_config(home: Path, name: str, *, simulated: bool) -> Mapping[str, Any]:
    """The settings of a number-check service. Raises DuecourseError D141 when none has the name, D013 when the book is
    simulated and the service is not on this machine.
    """
    for one in read_providers(home / "providers.toml", os.environ):
        if one.name == name and is_checker(one.kind):
            if simulated and not _is_loopback(urlsplit(str(one.config.get("url", ""))).hostname or ""):
                found = "the book is simulated, and this service is not on this machine"
                raise DuecourseError(Problem("D013", f"provider {name}", found, "Nothing was asked."))
            return one.config
    raise DuecourseError(
        Problem("D141", "--provider", f"no number-check service is called '{name}'", "Nothing was asked.")
    )


def is_checker(kind: str) -> bool:
    """Whether a provider only says how numbers stand, and carries nothing."""
    return kind.partition(".")[0] == "number-check"


def connect_providers(switchboard: Switchboard, providers: list[Provider]) -> None:
    """Build every adapter and plug it in. Raises DuecourseError C001 to C003 with every fault."""
    problems: list[Problem] = []
    for provider in providers:
        if is_checker(provider.kind):
            continue
        config = dict(provider.config)
        switchboard.registrations[provider.name] = Registration(
            tuple(config.pop("registered", ())),
            config.pop("caller", None),
            provider.kind.partition(".")[2],
            _serves(provider),
        )
        switchboard.routings[provider.name], faults = take_routing(config, provider.name, provider.kind)
        problems += faults
        try:
            switchboard.adapters[provider.name] = build(
                provider.kind,
                provider.name,
                config,
                switchboard.take_receipts,
                switchboard.take_reply,
                _clock_of(provider.kind, switchboard),
            )
        except DuecourseError as error:
            problems.extend(error.problems)
    if problems:
        raise DuecourseError(problems)


def _serves(provider: Provider) -> str | None:
    """Whose addresses it reaches: of an app's devices those of its own push service, of WeChat its own account's."""
    channel, _, family = provider.kind.partition(".")
    if family == "webhook":  # the lender's own program sends: it knows every one of them
        return None
    if channel == Channel.APP:
        return family if family in PLATFORMS else None
    return (
        str(provider.config["app_id"]) if channel == Channel.WECHAT and "app_id" in provider.config else None
    )


def with_book_channels(providers: list[Provider]) -> list[Provider]:
    """The providers with those that every book has: an inbox and call tasks, unless some of their channel are named."""
    channels = {provider.kind.partition(".")[0] for provider in providers}
    own = [Provider(kind.partition(".")[0], kind, False, {}) for kind in IN_BOOK]
    return [*providers, *(one for one in own if one.name not in channels)]


def adapter_config(provider: Provider) -> dict[str, Any]:
    """The adapter's own settings, without what routing and rules read beside them."""
    config = dict(provider.config)
    for key in ("registered", "caller"):
        config.pop(key, None)
    take_routing(config, provider.name, provider.kind)
    return config


def _clock_of(kind: str, switchboard: Switchboard) -> Callable[[], datetime]:
    """What a message is dated with is the book's day, also in a replay; what is signed for a provider is of now."""
    if kind in KINDS and issubclass(KINDS[kind].adapter, HttpAdapter):  # type: ignore[arg-type]
        return switchboard.clock
    return lambda: switchboard.now or switchboard.clock()


def configured_providers(home: Path, *, simulated: bool) -> list[Provider]:
    """providers.toml of the home, checked against the kind of book."""
    providers = with_book_channels(read_providers(home / "providers.toml", os.environ))
    check_providers(providers, simulated=simulated)
    return providers
