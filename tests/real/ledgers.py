"""Ledgers on a test's database, and what is in it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from alerts.rule import Rule
from alerts.rules import RULES
from services.ledger.batch import Ledger
from services.ledger.lapsing import Lapses
from services.ledger.opening import open_lapses, open_ledger
from services.ledger.record import StreamName
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS

CHANNELS = """
[[channel]]
name = "pager"
kind = "webhook"
address = "http://127.0.0.1:9/none"
recipient = "on call"
test = true

[[channel]]
name = "mail"
kind = "smtp"
address = "smtp://127.0.0.1:9"
recipient = "ward@hospital.example"
test = true
"""


def stream(cluster: str = "cluster-1", topic_id: str = "topic-1", group: str = "test") -> StreamName:
    return StreamName(group=group, cluster_id=cluster, topic=PATIENT_EVENTS, topic_id=topic_id)


def settings(database: str, folder: Path, **more: Any) -> Settings:
    channels = folder / "channels.toml"
    channels.write_text(CHANNELS)
    return Settings(database=database, data_dir=folder, channels=channels, **more)


def ledger(
    database: str, folder: Path, *, rules: Sequence[Rule] = RULES, name: StreamName | None = None, cached: int = 100
) -> Ledger:
    return open_ledger(settings(database, folder), name or stream(), rules=rules, cached_patients=cached)


def lapses(database: str, folder: Path) -> Lapses:
    """What lets time pass, for the same group as `stream()`."""
    return open_lapses(settings(database, folder, consumer_group="test"))


def ask(database: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True) as conn:
        cursor = conn.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []


def one(database: str, query: str, *parameters: Any) -> Any:
    return ask(database, query, *parameters)[0][0]


def held(database: str) -> list[tuple[Any, ...]]:
    """The set-determined part of all alerts."""
    return ask(
        database,
        """SELECT alert_id::text, rule, level, severity, condition, opened_at, regraded_at, summary::text, body
        FROM alert WHERE condition IN ('active', 'cleared') ORDER BY 1""",
    )
