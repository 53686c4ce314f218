"""Looks after the worker: is the database there, is it still the same Kafka, does the loop turn."""

from __future__ import annotations

import asyncio
import os
from threading import Timer
from time import monotonic
from typing import Any, LiteralString

import psycopg
from kafka.errors import KafkaError

from services.ledger.batch import Ledger
from services.processor import metrics
from services.processor.pump import die
from services.processor.state import State
from services.shared import database, kafka
from services.shared.log import logger
from services.shared.settings import Settings

PING_SECONDS = 2.0
_OPEN: LiteralString = """
SELECT severity, response, count(*) FROM alert WHERE condition = 'active' GROUP BY severity, response
"""


class KafkaReplaced(RuntimeError):
    """Another cluster or topic under the same name: only a new assignment reads it from its beginning."""


class Watch:
    """One task of the worker."""

    def __init__(self, settings: Settings, ledger: Ledger, state: State, *, every: float) -> None:
        self._settings, self._ledger, self._state, self._every = settings, ledger, state, every
        self._conn: psycopg.AsyncConnection[Any] | None = None

    async def run(self) -> None:
        """Until cancelled; a replaced Kafka ends the process."""
        looked = monotonic()
        while True:
            self._state.progressed()
            await self._ping()
            if monotonic() - looked >= self._every:
                looked = monotonic()
                await self._same_kafka()
            await asyncio.sleep(PING_SECONDS)

    async def _ping(self) -> None:
        try:
            if self._conn is None or self._conn.closed:
                self._conn = await database.connect(self._settings.database, "processor-watch", autocommit=True)
            rows = await (await self._conn.execute(_OPEN)).fetchall()
        except (psycopg.Error, OSError) as error:
            self._state.unavailable(f"{type(error).__name__}: {error}")
            self._conn = None
        else:
            self._state.available()
            metrics.OPEN.clear()
            for severity, response, number in rows:
                metrics.OPEN.labels(severity, response).set(number)

    async def _same_kafka(self) -> None:
        stream = self._ledger.stream
        if not stream.cluster_id:
            return
        try:
            cluster = await asyncio.to_thread(kafka.cluster_id, self._settings.kafka)
            topic = await asyncio.to_thread(kafka.topic_id, self._settings.kafka, stream.topic)
        except (KafkaError, kafka.KafkaUnreachable, LookupError, OSError) as error:
            logger.warning("kafka.unreachable", reason=f"{type(error).__name__}: {error}")
            return
        if (cluster, str(topic)) != (stream.cluster_id, stream.topic_id):
            die("kafka.replaced", KafkaReplaced(f"was {stream.cluster_id}/{stream.topic_id}, is {cluster}/{topic}"))


def end_after(seconds: float) -> None:
    """A worker asked to stop that cannot is ended; what it did not acknowledge comes again."""
    timer = Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
