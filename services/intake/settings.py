"""Settings of the intake process (`HALO_MLLP_*`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.shared.ports import MLLP_DEFAULT
from services.shared.settings import Settings

MIB = 1024 * 1024


class IntakeSettings(Settings):
    """Listener, limits, and what a sender gets while Kafka is away."""

    mllp_port: int = Field(default=MLLP_DEFAULT, ge=0, le=65535)
    """0 takes a free one and says which."""
    mllp_hold_seconds: float = Field(default=4.0, gt=0)
    """How long an answer is held while Kafka is tried again; below the usual 5 s time-out of engines."""
    mllp_on_unavailable: Literal["close", "AE", "AR"] = "close"
    """What follows the hold: the connection closed without an answer, or that answer."""
    mllp_max_message_bytes: int = Field(default=16 * MIB, ge=1024)
    mllp_connections: int = Field(default=256, ge=1)
    mllp_in_flight: int = Field(default=8, ge=1)
    """Messages of one connection that are taken before the first is answered."""
    mllp_idle_seconds: float = Field(default=86_400, gt=0)
    """A connection silent for so long between messages is closed; engines keep theirs open over quiet nights."""
    mllp_frame_seconds: float = Field(default=60, gt=0)
    """A message that has begun and does not go on for so long is given up."""
    mllp_write_seconds: float = Field(default=30, gt=0)
    """A sender that does not take its answer for so long is disconnected."""
    mllp_honour_ne: bool = False
    """Be silent, as HL7 allows, when MSH-15 and MSH-16 both say NE."""
    mllp_charset: str = "utf-8"
    """Python's name of the character set of messages without MSH-18."""
    mllp_insecure: bool = False
    """Accept listening beyond loopback without TLS; every sender must then name its addresses."""
    mllp_tls_certificate: Path | None = None
    """The listener's certificate with its chain (PEM); None: no TLS."""
    mllp_tls_key: Path | None = None
    """Its key; None: in the same file."""
    mllp_tls_client_ca: Path | None = None
    """Who issues the senders' certificates (PEM)."""
    mllp_tls_clients: Literal["none", "optional", "required"] = "none"
    """Whether senders show a certificate; one that is shown must be valid."""
    mllp_handshake_seconds: float = Field(default=10, gt=0)
    mllp_batch_messages: int = Field(default=2000, ge=1)
    """Messages in one frame; a larger batch could not be stored while its sender waits."""
    mllp_held_bytes: int = Field(default=256 * MIB, ge=MIB)
    """Of large messages that have begun and are not answered, all connections together; one more is closed."""
    mllp_buffer_bytes: int = Field(default=64 * MIB, ge=MIB)
    """Records on their way to Kafka; more wait."""
