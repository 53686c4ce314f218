"""Settings of the clock, `HALO_CLOCK_*`, in seconds."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class ClockSettings(BaseSettings):
    """How often it ticks."""

    model_config = SettingsConfigDict(env_prefix="HALO_CLOCK_", extra="ignore")

    heartbeat: float = 10.0
    poll: float = 1.0
    rules: float = 5.0
    """How often it looks whether other rules came into force."""
