"""Settings of the notifier, `HALO_NOTIFIER_*`."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class NotifierSettings(BaseSettings):
    """Timings in seconds. Retrying never ends; only its pace is set here."""

    model_config = SettingsConfigDict(env_prefix="HALO_NOTIFIER_", extra="ignore")

    poll: float = 1.0
    """NOTIFY is a hint; the queue is read this often anyway."""
    lease: float = 30.0
    """A delivery whose sender died is taken up again after this long, marked as possibly repeated."""
    timeout: float = 10.0
    """Longest wait for one channel."""
    first_retry: float = 1.0
    longest_retry: float = 300.0
    technical_alert_after: int = 5
    """Failed attempts before operations are told that a channel does not work."""
    at_once: int = 32
    """Deliveries in flight at a time."""
    board_url: str = "http://127.0.0.1:8400"
    """Where the links in messages lead."""
