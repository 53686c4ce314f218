"""Looks after the worker: is the database there, the same Kafka, each partition read; does the loop turn."""

from __future__ import annotations

import asyncio
import os
from threading import Timer
from time import monotonic
from typing import Any, LiteralString

import psycopg
from kafka.errors import KafkaError

from services.ledger.batch import Ledger
from services.ledger.operations import Technical, report
from services.processor import coverage, metrics
from services.processor.pump import die
from services.processor.state import State
from services.shared import database, kafka
from services.shared.log import logger
from services.shared.settings import Settings

PING_SECONDS = 2.0
_OPEN: LiteralString = """
SELECT severity, response, count(*) FROM alert
WHERE condition = 'active' AND patient_id NOT IN (SELECT id FROM patient WHERE unwatched = 'test_realm')
GROUP BY severity, response
"""


class KafkaReplaced(RuntimeError):
    """Another cluster or topic under the same name: only a new assignment reads it from its beginning."""


class PartitionsUnread(RuntimeError):
    """The group is settled and gave partitions to nobody: only a new assignment reads them."""


class Watch:
    """One task of the worker."""

    def __init__(self, settings: Settings, ledger: Ledger, state: State, *, member: str, every: float) -> None:
        self._settings, self._ledger, self._state, self._every = settings, ledger, state, every
        self._member = member
        self._unread: frozenset[int] = frozenset()
        self._conn: psycopg.AsyncConnection[Any] | None = None

    async def run(self) -> None:
        """Until cancelled; a replaced Kafka ends the process."""
        looked = monotonic()
        while True:
            self._state.progressed()
            await self._ping()
            if monotonic() - looked >= self._every:
                looked = monotonic()
                await self._look_at_kafka()
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

    async def _look_at_kafka(self) -> None:
        try:
            await self._same_kafka()
            await self._everything_read()
        except (KafkaError, kafka.KafkaUnreachable, LookupError, OSError) as error:
            logger.warning("kafka.unreachable", reason=f"{type(error).__name__}: {error}")

    async def _everything_read(self) -> None:
        """What is unread twice in a row ends the first member, out of the group, so that all is assigned anew."""
        stream, bootstrap = self._ledger.stream, self._settings.kafka
        found = await asyncio.to_thread(coverage.look, bootstrap, stream.group, stream.topic)
        metrics.UNREAD.set(len(found.unread))
        again, self._unread = found.unread & self._unread, found.unread
        if not again or found.members[:1] != (self._member,):
            return
        await self._tell_unread(again)
        await asyncio.to_thread(coverage.leave, bootstrap, stream.group, self._member)
        die("partitions.unread", PartitionsUnread(f"{sorted(again)} of {stream.topic} in group {stream.group}"))

    async def _tell_unread(self, partitions: frozenset[int]) -> None:
        detail = (
            f"partitions {sorted(partitions)} of {self._ledger.stream.topic} were given to no worker; assigning anew. "
            "Nothing is lost. If this comes again, look at the processor's log and restart all workers."
        )
        fault = Technical(key=f"partitions_unread:{self._ledger.stream.topic}", kind="partitions_unread", detail=detail)
        try:
            async with await database.connect(self._settings.database, "processor-watch", autocommit=True) as conn:
                await report(conn, [fault])
        except (psycopg.Error, OSError) as error:
            self._state.unavailable(f"{type(error).__name__}: {error}")

    async def _same_kafka(self) -> None:
        stream = self._ledger.stream
        if not stream.cluster_id:
            return
        cluster = await asyncio.to_thread(kafka.cluster_id, self._settings.kafka)
        topic = await asyncio.to_thread(kafka.topic_id, self._settings.kafka, stream.topic)
        if (cluster, str(topic)) != (stream.cluster_id, stream.topic_id):
            die("kafka.replaced", KafkaReplaced(f"was {stream.cluster_id}/{stream.topic_id}, is {cluster}/{topic}"))


def end_after(seconds: float) -> None:
    """A worker asked to stop that cannot is ended; what it did not acknowledge comes again."""
    timer = Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
