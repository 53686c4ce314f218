"""Faust's Kafka transport, with assignment starting from the database's offsets instead of Kafka's own.

Faust 0.15.3 seeks to Kafka's committed offsets after its rebalance handlers, so a seek made there is undone;
`seek_to_committed` is the one place that decides (design 6). Kafka's offset is a hint: it can be ahead when a handler
failed after the acknowledgement, when somebody moved it, or when the database was restored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from faust.transport.drivers.aiokafka import Consumer, Transport

Log = dict[int, tuple[int | None, int, int]]
"""Per partition: Kafka's committed offset (None without one), first offset of the log, offset after the last."""
Choose = Callable[[Log], Awaitable[dict[int, int]]]


class LedgerConsumer(Consumer):
    """Reads from where the ledger says."""

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Seek every assigned partition; called by Faust after each assignment and each interruption of the flow."""
        partitions = sorted(self.assignment())
        if not partitions:
            return {}
        log = await self._thread.call_thread(self._look, partitions)
        transport = cast("LedgerTransport", self.transport)
        chosen = await transport.choose({tp.partition: log[tp] for tp in partitions})
        positions = {tp: chosen[tp.partition] for tp in partitions}
        await self._thread.seek_wait(positions)
        return positions

    async def _look(self, partitions: list[Any]) -> dict[Any, tuple[int | None, int, int]]:
        """In the consumer's own thread."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - Faust has no public way to its consumer
        first = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        return {tp: (await consumer.committed(tp), first[tp], end[tp]) for tp in partitions}


class LedgerTransport(Transport):
    """Install with `app.transport = LedgerTransport(...)` before the app starts."""

    Consumer = LedgerConsumer

    def __init__(self, *arguments: Any, choose: Choose, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.choose = choose
