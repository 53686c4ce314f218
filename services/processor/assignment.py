"""Where each assigned partition starts: the database decides; what is odd about it is counted and told."""

from __future__ import annotations

import asyncio

import msgspec

from services.ledger import offsets
from services.ledger.batch import Ledger
from services.ledger.errors import Unavailable
from services.ledger.operations import Technical, report
from services.ledger.record import StreamName
from services.processor import metrics
from services.processor.state import State
from services.processor.transport import Log
from services.shared import kafka
from services.shared.log import logger
from services.shared.settings import Settings

RETRY_SECONDS = 1.0
_DIRECTION = {"kafka_ahead": "back", "kafka_behind": "forward"}


class Assignment:
    """Given to the transport."""

    def __init__(self, settings: Settings, ledger: Ledger, state: State) -> None:
        self._settings, self._ledger, self._state = settings, ledger, state

    async def choose(self, log: Log) -> dict[int, int]:
        """Offsets to start from, waiting for the database as long as it takes."""
        self._ledger.stream = await self._stream()
        while True:
            try:
                chosen = await self._write(log)
                break
            except Unavailable as fault:
                self._state.unavailable(str(fault))
                await asyncio.sleep(RETRY_SECONDS)
        positions = {partition: start.offset for partition, start in chosen.items()}
        self._ledger.assigned(positions)
        self._state.available()
        self._state.assigned = set(positions)
        logger.info("partitions.assigned", positions=positions)
        return positions

    async def _stream(self) -> StreamName:
        """Asked anew each time: Kafka may have been replaced meanwhile."""
        bootstrap, topic = self._settings.kafka, self._ledger.stream.topic
        cluster = await asyncio.to_thread(kafka.cluster_id, bootstrap)
        topic_id = await asyncio.to_thread(kafka.topic_id, bootstrap, topic)
        return msgspec.structs.replace(self._ledger.stream, cluster_id=cluster, topic_id=str(topic_id))

    async def _write(self, log: Log) -> dict[int, offsets.Start]:
        async with self._ledger.transaction() as conn:
            chosen = await offsets.starts(conn, self._ledger.stream, log)
            await report(conn, [self._fault(p, s) for p, s in chosen.items() if s.reason in offsets.ALARMING])
        for partition, start in chosen.items():
            if start.reason not in ("stored", "new"):
                metrics.SEEKS.labels(_DIRECTION.get(start.reason, "back")).inc()
                logger.warning("partition.seek", partition=partition, reason=start.reason, detail=start.detail)
        return chosen

    def _fault(self, partition: int, start: offsets.Start) -> Technical:
        stream = self._ledger.stream
        where = f"{stream.topic}, partition {partition}: {start.detail}; reading from {start.offset}."
        detail = f"{where} {_MEANING[start.reason]}"
        key = f"{start.reason}:{stream.topic_id}:{partition}"
        return Technical(key=key, kind=f"offsets_{start.reason}", detail=detail)


_MEANING = {
    "kafka_ahead": "Kafka's own offset would have skipped records; nothing was skipped.",
    "other_log": "Kafka or its topic was replaced; everything in it is read, what is known is not stored twice.",
    "tail_lost": "Kafka lost records that are stored here; whatever it acknowledged since is read.",
    "expired": "Kafka deleted records before they were read: ask the senders to send again.",
}
