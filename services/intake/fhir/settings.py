"""Settings of the FHIR endpoint (`HALO_FHIR_*`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.shared.settings import Settings

MIB = 1024 * 1024


class FhirSettings(Settings):
    """Listener, limits, and how long things are waited for."""

    fhir_port: int | None = Field(default=None, ge=0, le=65535)
    """None: no FHIR endpoint. 0 takes a free one and says which. `halo up` chooses one."""
    fhir_tls_certificate: Path | None = None
    """The listener's certificate with its chain (PEM); None: plain HTTP."""
    fhir_tls_key: Path | None = None
    """Its key; None: in the same file."""
    fhir_insecure: bool = False
    """Accept listening beyond loopback without TLS, where a proxy in front does it: tokens would be read on the way."""
    fhir_max_body_bytes: int = Field(default=16 * MIB, ge=1024)
    fhir_connections: int = Field(default=128, ge=1)
    fhir_in_flight: int = Field(default=8, ge=1)
    """Requests of one token at the same time."""
    fhir_rate: float = Field(default=200, gt=0)
    """Requests a second of one token, in the long run; twice as many at once."""
    fhir_hold_seconds: float = Field(default=10, gt=0)
    """How long an answer is held while Kafka is tried again."""
    fhir_header_seconds: float = Field(default=10, gt=0)
    """A request that has begun and whose header is not complete after so long is given up."""
    fhir_body_seconds: float = Field(default=60, gt=0)
    """A body that is not complete after so long is given up."""
    fhir_idle_seconds: int = Field(default=75, ge=1)
    """A connection silent for so long between requests is closed."""
    fhir_tokens_seconds: float = Field(default=20, gt=0, le=60)
    """How often the tokens of senders are read: a revoked one ends within that time."""
    fhir_without_database_hours: float = Field(default=24, gt=0)
    """How long tokens that were known go on to be taken while the database cannot be asked."""
