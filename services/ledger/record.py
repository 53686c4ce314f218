"""What goes into the ledger and what it says afterwards."""

from __future__ import annotations

from datetime import datetime

import msgspec


class StreamName(msgspec.Struct, frozen=True, kw_only=True):
    """Which log the offsets count in. A recreated topic or another cluster is another log."""

    group: str
    cluster_id: str
    topic: str
    topic_id: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One Kafka record, bytes untouched."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Outcome(msgspec.Struct, kw_only=True):
    """What one committed batch did; counted in metrics after the commit, never before."""

    events: int = 0
    repeated: int = 0
    """Events whose id was already stored."""
    results: int = 0
    duplicates: int = 0
    quarantined: int = 0
    ignored: int = 0
    refused: int = 0
    heartbeats: dict[int, datetime] = {}
    """Per partition, `sent_at` of the newest heartbeat."""
    dead_letters: int = 0
    changes: list[tuple[str, str, str]] = []
    """Kind, rule and severity of every change of an alert."""
    received: list[datetime] = []
    """`received_at` of every newly stored event, for the latency."""
    rule_seconds: dict[str, float] = {}
    deliveries: int = 0
    outbox: int = 0
    stopped: set[int] = set()
    """Partitions with too many dead letters in a row: take nothing more from them."""
