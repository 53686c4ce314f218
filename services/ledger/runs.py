"""A batch cut into what may share a transaction, and what is said of such a run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from schemas.patient_event import Heartbeat, PatientMerge
from services.ledger.incoming import Incoming


def in_runs(incoming: Iterable[Incoming]) -> Iterable[list[Incoming]]:
    """A merge stands alone: it changes who the events after it are about."""
    for merge, items in groupby(incoming, lambda item: item.fault is None and isinstance(item.event, PatientMerge)):
        if merge:
            yield from ([item] for item in items)
        else:
            yield list(items)


def next_offsets(run: list[Incoming]) -> dict[int, int]:
    """Per partition the offset after the run."""
    return {item.record.partition: item.record.offset + 1 for item in run}


def heartbeats(run: list[Incoming]) -> dict[int, datetime]:
    """Per partition when the newest heartbeat of the run was sent."""
    return {item.record.partition: item.received_at for item in run if isinstance(item.event, Heartbeat)}
