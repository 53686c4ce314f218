"""Settings of the processor, `HALO_PROCESSOR_*`."""

from __future__ import annotations

import os
import socket

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessorSettings(BaseSettings):
    """Sizes and times of one worker."""

    model_config = SettingsConfigDict(env_prefix="HALO_PROCESSOR_", extra="ignore")

    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.environ.get('HALO_WORKER', '0')}")
    """Static member id in the consumer group: unique per worker, the same after its restart (take-over in seconds).
    `halo up` numbers its workers by HALO_WORKER."""
    batch: int = Field(default=256, ge=1)
    """Events a transaction at most; never waited for."""
    buffer: int = Field(default=512, ge=1)
    """Events read ahead; bounds memory and what is read again after a restart."""
    cached_patients: int = Field(default=5000, ge=1)
    """Bounds memory, whatever the number of patients."""
    session_timeout: float = 10.0
    """Seconds until the group gives a dead worker's partitions to another."""
    longest_retry: float = 5.0
    """Seconds between attempts while the database is away, at most."""
    watch: float = 10.0
    """Seconds between looks at the cluster's and the topic's identity."""
