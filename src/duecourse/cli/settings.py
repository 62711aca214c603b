"""Settings, read from the environment (prefix DUECOURSE_) by the entry point alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LISTEN = r"^([^:/]+|\[[0-9a-fA-F:]+\]):\d{1,5}$"


def default_home() -> Path:
    """Where an installation keeps its files: /var/lib/duecourse for root, else the XDG data folder."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/duecourse")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "duecourse"


def default_language() -> Literal["en", "zh"]:
    """Language of the machine: zh when LC_ALL, LC_MESSAGES or LANG, whichever is set first, begins with zh; else en."""
    set_first = next(filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if set_first.startswith("zh") else "en"


class Settings(BaseSettings):
    """Everything that differs between two installations of the same version."""

    model_config = SettingsConfigDict(env_prefix="DUECOURSE_", extra="ignore")

    home: Path = Field(
        default_factory=default_home,
        description="Folder of the embedded database, the key ring, providers.toml and the sandbox's logs.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 16 or later to use instead of the embedded one, as postgresql://user@host/db.",
    )
    postgres_major: int = Field(
        default=18, description="Which PostgreSQL of the wheel a new embedded database uses: 18 or 16."
    )
    user: str = Field(
        default_factory=lambda: os.environ.get("USER") or "operator",
        description="Who is acting: written beside publications, stops and resumptions.",
    )
    rules_dir: Path | None = Field(
        default=None,
        description="Folder of the lender's own rule files, *.yaml; without it `rules` in DUECOURSE_HOME.",
    )
    language: Literal["en", "zh"] = Field(
        default_factory=default_language,
        description="Language of reports: en or zh. Help, errors, JSON and the wording of conditions are in English.",
    )
    actor: Literal["creditor", "collector", "agency"] = Field(
        default="creditor",
        description="As whom borrowers are contacted where the policy does not say: creditor, collector or agency.",
    )
    reverify_days: int = Field(
        default=365,
        ge=0,
        description="Days after which a contact point that nobody has verified since is due for it; 0 is never.",
    )
    reverify_failures: int = Field(
        default=3,
        ge=0,
        description="Failed attempts, with no delivery since, after which a contact point is due; 0 is never.",
    )
    retire_after_failures: int = Field(
        default=5,
        ge=0,
        description="Times in a row a number was switched off or barred before it is retired; 0 is never.",
    )
    retire_after_days: int = Field(
        default=14, ge=0, description="Days that must lie between the first and the last of them."
    )
    callbacks_listen: str = Field(
        default="",
        pattern=rf"^$|{LISTEN}",
        description="HOST:PORT where workers take receipts that providers post, at /callbacks/NAME; empty: nowhere.",
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://.+)?$",
        description="The address under which borrowers and providers reach this installation, "
        "e.g. https://notices.lender.example: links in messages begin with it.",
    )
    listen: str = Field(
        default="127.0.0.1:8080",
        pattern=LISTEN,
        description="HOST:PORT where `serve` answers: borrowers' pages, the API, and receipts that providers post.",
    )
    metrics_listen: str = Field(
        default="",
        pattern=rf"^$|{LISTEN}",
        description="HOST:PORT where a worker answers /metrics, /healthz and /readyz; empty: nowhere. Each worker of a"
        " machine needs its own (`work --metrics`).",
    )
    serve_metrics_listen: str = Field(
        default="",
        pattern=rf"^$|{LISTEN}",
        description="HOST:PORT where `serve` answers /metrics, apart from what it serves to everybody; empty: nowhere.",
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="How `work` and `serve` write their log, to standard error: json or text."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="From which level on; debug writes a line for each event of each message, by its id.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses and networks of reverse proxies whose X-Forwarded-For is believed; empty: nobody's.",
    )
    hosts: str = Field(
        default="",
        description="Further names by which `serve` is asked, beside that of the public address; * takes any.",
    )
    peer_requests: float = Field(
        default=50.0,
        gt=0,
        description="Requests a second that `serve` takes from one address; five times at once.",
    )
    key_requests: float = Field(
        default=100.0, gt=0, description="Requests a second that `serve` takes with one key of the API."
    )
    caller_requests: float = Field(
        default=5000.0,
        gt=0,
        description="Requests a second that `serve` takes from one address of a provider.",
    )
    link_days: int = Field(
        default=90,
        ge=1,
        le=366,
        description="Days that a link in a message holds where its policy does not say.",
    )
    unknown_codes_a_minute: int = Field(
        default=20, ge=1, description="Codes that nobody was sent, after which a network address is refused."
    )
    unknown_codes_a_minute_in_all: int = Field(
        default=600,
        ge=1,
        description="The same from everywhere; beyond it each address is refused after three.",
    )
    wrong_answers: int = Field(
        default=5, ge=1, le=20, description="Wrong answers to the second factor that lock a borrower's pages."
    )
    lock_hours: int = Field(
        default=24, ge=1, le=720, description="Hours within which they count, and for which they lock."
    )
    visit_idle_minutes: int = Field(
        default=30, ge=1, le=480, description="Minutes without a request after which a borrower's visit ends."
    )
    visit_hours: int = Field(
        default=8, ge=1, le=24, description="Hours after which a borrower's visit ends in any case."
    )
    seal_file: Path | None = Field(
        default=None,
        description="PKCS#12 file with the certificate and key that seal settlement certificates; without it seal.p12 "
        "in DUECOURSE_HOME, as `certificate seal` writes it.",
    )
    seal_password: SecretStr = Field(default=SecretStr(""), description="The password of that file.")
    timestamp_url: str = Field(
        default="",
        pattern=r"^(https?://.+)?$",
        description="An authority that stamps the time of seals (RFC 3161); empty: seals bear our own clock's alone.",
    )
    understanding_url: str = Field(
        default="",
        pattern=r"^(https?://.+)?$",
        description="An endpoint that speaks OpenAI's chat completions, asked what an answer means that nobody here"
        " understood; up to and without /chat/completions. Empty: a person reads it.",
    )
    understanding_model: str = Field(default="", description="The model that it is asked for.")
    understanding_key: SecretStr = Field(
        default=SecretStr(""), description="Its key, sent as a bearer token; empty sends none."
    )
    understanding_seconds: float = Field(
        default=3, gt=0, le=10, description="Seconds that it has; after them a person reads the answer."
    )
    lease_seconds: int = Field(
        default=15, ge=2, le=300, description="How long a worker that died keeps its lanes from the others."
    )
    claim_size: int = Field(
        default=1000,
        ge=1,
        le=5000,
        description="Most messages a worker holds between claim and answer; the provider's window, and what it can "
        "judge in time on a busy machine, are the other bounds.",
    )
