"""Every kind of gateway, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from duecourse.domain.problems import DuecourseError, Problem

from .alipay.adapter import AlipayGateway, AlipaySettings
from .contract import Gateway, GatewaySettings
from .generic.adapter import GenericGateway, GenericSettings
from .sandbox.adapter import SandboxGateway, SandboxSettings
from .stripe.adapter import StripeGateway, StripeSettings
from .wechatpay.adapter import WechatPayGateway, WechatPaySettings

CONSEQUENCE: Final = "Nobody can pay."


@dataclass(frozen=True, slots=True)
class Kind:
    """How a gateway is made of its settings."""

    settings: type[GatewaySettings]
    make: Callable[[str, Any], Gateway]


KINDS: Final[Mapping[str, Kind]] = {
    "generic": Kind(GenericSettings, GenericGateway),
    "stripe": Kind(StripeSettings, StripeGateway),
    "alipay": Kind(AlipaySettings, AlipayGateway),
    "wechatpay": Kind(WechatPaySettings, WechatPayGateway),
    "sandbox": Kind(SandboxSettings, SandboxGateway),
}


def build(kind: str, name: str, config: Mapping[str, Any]) -> Gateway:
    """A gateway of its settings as written. Raises DuecourseError C110 (unknown kind), C111 with every bad setting."""
    known = KINDS.get(kind)
    where = f"gateway {name}"
    if known is None:
        found = f"kind '{kind}' is unknown; known: {', '.join(KINDS)}"
        raise DuecourseError(Problem("C110", where, found, CONSEQUENCE))
    try:
        return known.make(name, known.settings.model_validate(config))
    except ValidationError as error:
        raise DuecourseError(
            [
                Problem(
                    "C111",
                    f"{where}, {'.'.join(map(str, one['loc'])) or 'settings'}",
                    one["msg"],
                    CONSEQUENCE,
                )
                for one in error.errors(include_input=False, include_url=False)
            ]
        ) from None
    except (ValueError, OSError) as error:  # a key that is none, a file that cannot be read
        said = error.strerror if isinstance(error, OSError) and error.strerror else f"{error}"
        raise DuecourseError(Problem("C111", where, said, CONSEQUENCE)) from None
