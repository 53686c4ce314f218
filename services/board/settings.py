"""Settings of the board process."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import field_validator

from services.shared.ports import DEFAULT_BASE
from services.shared.settings import Settings


class BoardSettings(Settings):
    """What the web process reads besides the common settings."""

    board_port: int = DEFAULT_BASE
    time_zone: str = "Europe/Ljubljana"
    """Zone in which people read times; times are kept in UTC."""
    language: Literal["sl", "en"] = "sl"
    """For whoever states no wish."""
    demo: bool = False
    """Set by `halo demo`: permits the one-time login link of a made-up person."""
    secure_cookies: bool = False
    """Cookies over HTTPS only; to be set wherever TLS ends in front of the board."""
    session_hours: int = 12

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        ZoneInfo(name)  # raises ZoneInfoNotFoundError, a KeyError naming it
        return name

    @property
    def zone(self) -> ZoneInfo:
        """`time_zone` as a zone."""
        return ZoneInfo(self.time_zone)
