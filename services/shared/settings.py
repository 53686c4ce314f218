"""Settings every process shares, read from `HALO_*` variables. `halo up` sets them for its children."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the servers are and how a process presents itself. Everything listens on loopback unless told otherwise."""

    model_config = SettingsConfigDict(env_prefix="HALO_", extra="ignore")

    kafka: str = "127.0.0.1:9092"
    """Bootstrap servers, comma-separated."""
    database: str = "postgresql:///halo"
    """libpq connection string."""
    data_dir: Path = Path(".halo")
    """Where `halo up` keeps embedded servers, generated secrets and logs."""
    site: Path | None = None
    """The hospital's site file; without one Halo listens on loopback and takes any sender."""
    channels: Path | None = None
    """Where alerts are sent (`channels.toml`); without one they are shown, not sent, and doctor says so."""
    audit_key_file: Path | None = None
    """Key of the alert log's chain, kept outside the database; default `DATA_DIR/audit.key`, made at first start."""
    partitions: int = Field(default=24, ge=1)
    bind: str = "127.0.0.1"
    """Address of the listeners for people and senders."""
    metrics_bind: str = "127.0.0.1"
    metrics_port: int = 0
    """`/metrics`, `/livez`, `/readyz` of this process; 0 takes a free port and says which."""
    consumer_group: str = "halo-processor"
    log_json: bool = True
    watchdog_url: str = ""
    """Of a service outside that pages when the sign of life of every minute stops."""
    realm: str = ""
    """`demo` marks a database of made-up patients."""
