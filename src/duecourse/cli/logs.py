"""The log: lines to standard error, as JSON or as text, of our own events and of the libraries'."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Literal, TextIO

import structlog
import typer
from structlog.types import Processor

from .settings import Settings

MUTED = ("aiosmtplib", "mail.log", "mail.error", "asyncio")
"""Libraries whose lines hold addresses."""

FormatOption = Annotated[
    Literal["json", "text"] | None,
    typer.Option("--log-format", help="How the log is written. Default: DUECOURSE_LOG_FORMAT."),
]
LevelOption = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    typer.Option("--log-level", help="From which level on. Default: DUECOURSE_LOG_LEVEL."),
]


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def write_logs(form: str = "json", level: str = "info") -> None:
    """Log from `level` on as `form` says. Of libraries only warnings are written, and of MUTED nothing."""
    said: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)]
    )
    lowest = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*said, *render],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*said, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _StandardError)]:
        root.removeHandler(former)
    root.addHandler(handler)
    logging.getLogger("duecourse").setLevel(max(lowest, logging.INFO))
    for name in MUTED:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def write_logs_as_told(settings: Settings, form: str | None, level: str | None) -> None:
    """As the options say, else the settings."""
    write_logs(form or settings.log_format, level or settings.log_level)
