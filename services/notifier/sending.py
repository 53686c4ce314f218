"""The sending loop: takes what is due, calls the channels side by side, writes every receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from services.notifier import metrics
from services.notifier.channels.message import Handover, Message, Sender
from services.notifier.operations import Technical, audiences, raise_technical, told, untold
from services.notifier.pace import wait_seconds
from services.notifier.queue import Delivery, claim, settle, waiting
from services.notifier.settings import NotifierSettings
from services.shared.channels import Channel
from services.shared.clock import Clock
from services.shared.log import get_logger

logger = get_logger()


class Sending:
    """One notifier's work. Several may run: a claim is exclusive, and leases make up for the dead."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        channels: Mapping[str, Channel],
        senders: Mapping[str, Sender],
        settings: NotifierSettings,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._channels = channels
        self._senders = senders
        self._settings = settings
        self._clock = clock
        self._inflight: dict[str, asyncio.Task[None]] = {}

    async def once(self) -> int:
        """Start everything that is due and fits; how many were started. Raises psycopg.Error when Postgres is away."""
        room = self._settings.at_once - len(self._inflight)
        async with self._pool.connection() as conn:
            await conn.set_autocommit(True)
            due = await claim(conn, limit=room, lease=self._settings.lease, busy=list(self._inflight)) if room else []
            await self._measure(conn)
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery), name=f"delivery {delivery.id}")
            self._inflight[delivery.id] = task
            task.add_done_callback(partial(self._forget, delivery.id))
        return len(due)

    async def drain(self, seconds: float) -> None:
        """Let what is in flight come to its receipt; the rest is taken up after its lease."""
        if self._inflight:
            await asyncio.wait(self._inflight.values(), timeout=seconds)

    async def technical(self) -> None:
        """Tell each audience what it has not heard; untold again next time when no channel took it."""
        those = audiences(self._channels.values())
        if not those:
            return
        async with self._pool.connection() as conn:
            await conn.set_autocommit(True)
            for alert in await untold(conn, those):
                if await self._tell(alert, those[alert.audience]):
                    await told(conn, alert)

    async def _tell(self, alert: Technical, channels: list[Channel]) -> bool:
        """Whether somebody took it, or everybody's channel must not have it while the rules are a draft."""
        message = alert.message(self._settings.board_url)
        outcomes = [await self._hand_over(message, channel) for channel in channels]
        return any(outcome.done for outcome in outcomes) or all(outcome.never for outcome in outcomes)

    async def _deliver(self, delivery: Delivery) -> None:
        channel = self._channels.get(delivery.channel)
        handover = await self._hand_over(self._message(delivery), channel, delivery.channel)
        wait = wait_seconds(handover, delivery.attempts, self._settings.first_retry, self._settings.longest_retry)
        async with self._pool.connection() as conn:
            await conn.set_autocommit(True)
            await settle(conn, delivery, handover, wait)
            if not (handover.done or handover.never) and delivery.attempts % self._settings.technical_alert_after == 0:
                await self._complain(conn, delivery, handover)
        self._count(delivery, handover)

    async def _hand_over(self, message: Message, channel: Channel | None, name: str = "") -> Handover:
        """One attempt; what a channel's own code raises is an outcome too, or the delivery would wait for its lease."""
        if channel is None:
            return Handover(outcome="unreachable", detail=f"channel {name} is not in the channels file any more")
        if message.draft and not (channel.test or message.to_the_told):
            return Handover(outcome="draft_pack", detail=f"channel {channel.name} is not marked `test`")
        try:
            secret = _secret(channel)
            return await self._senders[channel.kind].send(message, channel, secret)
        except (OSError, ValueError, KeyError) as error:
            return Handover(outcome="unreachable", detail=f"{type(error).__name__}: {error}"[:200])

    async def _complain(self, conn: psycopg.AsyncConnection[Any], delivery: Delivery, handover: Handover) -> None:
        await raise_technical(
            conn,
            key=f"channel_failing {delivery.channel}",
            kind="channel_failing",
            severity="HIGH",
            detail=f"channel {delivery.channel} took nothing in {delivery.attempts} attempts "
            f"({handover.outcome}: {handover.detail}); Halo goes on trying; check the address and the receiver",
        )

    def _message(self, delivery: Delivery) -> Message:
        return Message(
            id=delivery.id,
            body=delivery.content,
            link=f"{self._settings.board_url}/alerts/{delivery.alert_id}",
            created_at=delivery.created_at,
            possibly_repeated=delivery.possibly_repeated,
        )

    def _count(self, delivery: Delivery, handover: Handover) -> None:
        metrics.NOTIFICATIONS.labels(delivery.channel, handover.outcome).inc()
        if handover.done:
            now = self._clock.now()
            metrics.DELIVERY_SECONDS.labels(delivery.channel).observe((now - delivery.created_at).total_seconds())
            if delivery.received_at is not None:
                metrics.NOTIFIED_SECONDS.labels("notified").observe(
                    max((now - delivery.received_at).total_seconds(), 0)
                )

    async def _measure(self, conn: psycopg.AsyncConnection[Any]) -> None:
        count, oldest = await waiting(conn)
        metrics.WAITING.set(count)
        metrics.OLDEST_WAITING.set(oldest.timestamp() if oldest else 0)

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        """A delivery whose receipt could not be written stays claimed until its lease ends; then it is tried again."""
        del self._inflight[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("delivery.receipt_not_written", delivery=key, error=f"{type(error).__name__}: {error}")


def _secret(channel: Channel) -> str:
    """Read when used, so that a key can be changed without a restart."""
    return Path(channel.secret_file).read_text("utf-8").strip() if channel.secret_file else ""
