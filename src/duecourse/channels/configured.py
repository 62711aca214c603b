"""An adapter made of its provider's entry, whatever the family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from duecourse.domain.messaging import ReceiptSink, ReplySink


class Configured:
    """Takes (name, settings, on_receipts, on_reply, clock), the settings being of `settings_type`."""

    settings_type: ClassVar[type[BaseModel]]

    @classmethod
    def configured(
        cls,
        name: str,
        config: Mapping[str, Any],
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """From settings as written. clock: dates what the family dates.

        Raises pydantic.ValidationError; OSError or ValueError for files that settings name; what the family's own
        construction raises.
        """
        settings = cls.settings_type.model_validate(config)
        return cls(name, settings, on_receipts, on_reply, clock)  # type: ignore[call-arg]
