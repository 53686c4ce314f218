"""Counts what waits for a person: held results by reason, dead letters, questions. One step of the clock."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, LiteralString

from prometheus_client import Gauge
from psycopg import AsyncConnection

from services.ledger.quarantine import REASONS

OTHER = "other"
HELD = Gauge("halo_quarantine_open", "Held results that nobody has answered, by reason.", ["reason"])
URGENT = Gauge("halo_quarantine_urgent", "Of those, how many would be so severe in an allowed unit.", ["severity"])
OLDEST = Gauge("halo_quarantine_oldest_timestamp_seconds", "When the oldest held result came; 0 for none.")
LETTERS = Gauge("halo_dead_letters_open", "Dead letters that nobody has replayed or closed.")
LETTER_OLDEST = Gauge(
    "halo_dead_letter_oldest_timestamp_seconds", "When the oldest open dead letter was kept; 0 for none."
)
QUESTIONS = Gauge("halo_steward_questions_open", "Questions to laboratories that nobody has answered.")
_HELD: LiteralString = """
SELECT reason, would_be, count(*)::int, min(received_at) FROM quarantine WHERE closed_at IS NULL GROUP BY 1, 2
"""
_LETTERS: LiteralString = """
SELECT count(*)::int, min(created_at) FROM dead_letter WHERE replayed_at IS NULL AND closed_at IS NULL
"""
_QUESTIONS: LiteralString = """
SELECT count(*)::int FROM operations_alert WHERE kind = 'data_steward' AND closed_at IS NULL
"""


async def count(conn: AsyncConnection[Any]) -> int:
    """Set the gauges; 0, for there is never more of it to do at once."""
    async with conn.transaction():
        rows = await (await conn.execute(_HELD)).fetchall()
        letters, oldest = await (await conn.execute(_LETTERS)).fetchone() or (0, None)
        (questions,) = await (await conn.execute(_QUESTIONS)).fetchone() or (0,)
    by_reason, urgent = Counter[str](), Counter[str]()
    for reason, severity, many, _ in rows:
        by_reason[reason if reason in REASONS else OTHER] += many
        urgent[severity] += many
    for reason in (*REASONS, OTHER):
        HELD.labels(reason).set(by_reason[reason])
    for severity in ("CRITICAL", "HIGH"):
        URGENT.labels(severity).set(urgent[severity])
    OLDEST.set(_seconds(min((row[3] for row in rows), default=None)))
    LETTERS.set(letters)
    LETTER_OLDEST.set(_seconds(oldest))
    QUESTIONS.set(questions)
    return 0


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
