"""The topic files of `schemas/topics`: what each Kafka topic is for and how it is set up."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

import schemas

FOLDER = Path(schemas.__file__).parent / "topics"
DAY_MS = 24 * 60 * 60 * 1000

PATIENT_EVENTS = "patient-events.v1"
DEAD_LETTERS = "patient-events.dlq.v1"
ALERTS = "alerts.v1"


class Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One topic file; unknown keys are refused so that a misspelt one cannot pass for a setting."""

    name: str
    description: str
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    schema: str
    """Path of the JSON Schema of its values, from the project's root."""
    retention_days: int
    cleanup: Literal["delete"]
    """Never compacted: a gap in the offsets would swallow the record after it."""
    partitions: int
    max_message_bytes: int

    def config(self, replicas: int) -> dict[str, str]:
        """Kafka's topic settings for this many copies."""
        settings = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_days * DAY_MS),
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": "2" if replicas >= 3 else "1",  # noqa: PLR2004 - design 9: three brokers, two in sync
        }
        if replicas == 1:
            settings["flush.messages"] = "1"  # the only copy: on the disk before it is acknowledged
        return settings


def load(folder: Path = FOLDER) -> dict[str, Topic]:
    """All topics by name. A file with an unknown or missing key raises msgspec.ValidationError."""
    topics = [msgspec.yaml.decode(path.read_bytes(), type=Topic) for path in sorted(folder.glob("*.yaml"))]
    return {topic.name: topic for topic in topics}
