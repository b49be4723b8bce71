"""What an operator may set, as variables `SPECLOOM_*`; nobody else reads the environment of the process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]
DEFAULT_CATALOG = Path("specloom.toml")
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Settings(BaseSettings):
    """All settings of a server or of a command that works without one; frozen, made once per process."""

    model_config = SettingsConfigDict(env_prefix="SPECLOOM_", frozen=True, extra="ignore")

    data: Path = Field(default=Path(".specloom"), description="Directory of the database, runs and artifacts.")
    catalog: Path | None = Field(default=None, description="Catalog file; `specloom.toml` if there is one.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8321, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    server: str | None = Field(default=None, description="URL of the server that commands ask.")
    token: SecretStr | None = Field(default=None, description="Bearer token that every door but /healthz asks for.")
    allowed_hosts: tuple[str, ...] = Field(default=(), description="Further names in `Host`, beside loopback's.")
    allowed_origins: tuple[str, ...] = Field(default=(), description="Further origins of web pages that may ask.")
    log_format: LogFormat = Field(default="auto", description="`auto`: console on a terminal, else JSON.")
    log_level: LogLevel = Field(default="info", description="The least level that is logged.")
    max_concurrent_runs: int = Field(default=64, ge=1, description="Runs that are executed at the same time.")
    max_hosts: int = Field(default=8, ge=1, description="Stage and tool hosts that live at the same time.")
    lease_seconds: float = Field(
        default=5.0, gt=0, description="After how long a silence of its owner another server takes the data directory."
    )
    drain_seconds: float = Field(default=10.0, ge=0, description="Grace of a stopping server for steps in flight.")
    max_wait_seconds: float = Field(default=600.0, gt=0, description="The longest `?wait=`.")
    max_spec_bytes: int = Field(default=MIB, ge=1, description="The largest spec.")
    max_body_bytes: int = Field(default=16 * MIB, ge=1, description="The largest body of an execute or a resume.")
    max_upload_bytes: int = Field(default=GIB, ge=1, description="The largest upload.")
    upload_grace_seconds: float = Field(
        default=604_800.0, ge=0, description="How long an upload is kept that no run names which may go on."
    )
    checkpoint_key: SecretStr | None = Field(
        default=None,
        description="Key that encrypts checkpoints: base64 of 32 bytes. Several, parted by commas: the first encrypts.",
    )
    checkpoint_key_file: Path | None = Field(default=None, description="File that holds the same.")
    checkpoint_grace_seconds: float = Field(
        default=3600.0, ge=0, description="How long a succeeded run keeps more than its last checkpoint."
    )
    failed_checkpoint_grace_seconds: float = Field(
        default=604_800.0, ge=0, description="The same of a failed or cancelled run; what a retry needs is kept longer."
    )
    otlp_endpoint: str | None = Field(
        default=None, description="Base URL of an OpenTelemetry collector (OTLP over HTTP) that spans are sent to."
    )
    failpoint: str = Field(default="", description="For tests: a border at which to fail, `name:n[:action]`.")

    @property
    def catalog_file(self) -> Path:
        """Return the catalog file to read; it need not exist unless it was named."""
        return self.catalog or DEFAULT_CATALOG

    @property
    def is_catalog_named(self) -> bool:
        """Tell whether somebody named the catalog file, so that a missing one is a mistake."""
        return self.catalog is not None

    @property
    def database(self) -> Path:
        """Return the file of the database."""
        return self.data / "specloom.db"

    @property
    def uploads(self) -> Path:
        """Return the folder of uploads."""
        return self.data / "uploads"

    @property
    def is_on_loopback(self) -> bool:
        """Tell whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def environment() -> Mapping[str, str]:
    """Return the environment of the process, for secrets and for what hosts may see."""
    return os.environ


def names_collector(settings: Settings) -> bool:
    """Tell whether spans are to be sent somewhere: a setting says so, or OpenTelemetry's own variables."""
    known = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not is_off and (settings.otlp_endpoint is not None or any(os.environ.get(name) for name in known))


def forbid_unsafe_checkpoints() -> None:
    """Have LangGraph read checkpoints as data only; call it before langgraph is imported, which reads this once."""
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
