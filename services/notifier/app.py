"""The notifier process: `python -m services.notifier.app`.

Three loops that do not wait for one another: deliveries (Postgres only, so a page never waits for Kafka), the outbox
relay (Postgres and Kafka), and technical alerts. NOTIFY wakes them; they look every second anyway.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from time import monotonic

import httpx
import psycopg
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from psycopg_pool import PoolTimeout

from services.notifier.channels.message import Sender
from services.notifier.channels.smtp import SmtpSender
from services.notifier.channels.webhook import WebhookSender
from services.notifier.health import Health
from services.notifier.outbox import prune, publish_waiting
from services.notifier.sending import Sending
from services.notifier.settings import NotifierSettings
from services.shared.channels import load_channels
from services.shared.clock import SystemClock
from services.shared.database import connect, pool
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.log import configure, get_logger
from services.shared.metrics import announce
from services.shared.probes import Probes
from services.shared.settings import Settings

logger = get_logger()
HEARD = ("halo_delivery", "halo_outbox")
DRAIN_SECONDS = 5.0
RETRY_SECONDS = 1.0
PRUNE_SECONDS = 3600.0
DATABASE_AWAY = (psycopg.Error, PoolTimeout, OSError)


class Notifier:
    """The loops and what wakes them."""

    def __init__(self, settings: Settings, own: NotifierSettings) -> None:
        self._settings = settings
        self._own = own
        self._stop = asyncio.Event()
        self._wake = {name: asyncio.Event() for name in (*HEARD, "technical")}
        self.health = Health()

    def stop(self) -> None:
        """Finish what is in flight and end."""
        self._stop.set()
        for event in self._wake.values():
            event.set()

    async def run(self) -> None:
        """Until `stop`."""
        channels = {channel.name: channel for channel in load_channels(self._settings.channels)}
        if not channels:
            logger.warning("notifier.no_channels", todo="set HALO_CHANNELS; until then alerts are shown, not sent")
        async with (
            pool(self._settings.database, "notifier", max_size=8) as connections,
            httpx.AsyncClient(timeout=self._own.timeout) as client,
            asyncio.TaskGroup() as group,
        ):
            senders: dict[str, Sender] = {
                "webhook": WebhookSender(client, SystemClock()),
                "smtp": SmtpSender(self._own.timeout),
            }
            sending = Sending(connections, channels, senders, self._own, SystemClock())
            listener = group.create_task(self._listen())
            relay = group.create_task(self._relay())
            await asyncio.gather(self._loop("halo_delivery", sending.once), self._loop("technical", sending.technical))
            await sending.drain(DRAIN_SECONDS)
            listener.cancel()
            await asyncio.wait([relay], timeout=DRAIN_SECONDS)
            relay.cancel()

    async def _loop(self, channel: str, step: Callable[[], Awaitable[int | None]]) -> None:
        """Run `step` now, when woken and every second; a database that is away is waited for."""
        while not self._stop.is_set():
            self._wake[channel].clear()
            try:
                again = await step()
                self.health.up("database")
            except DATABASE_AWAY as error:
                again = None
                if self.health.down("database", error):
                    logger.warning("notifier.database_away", error=str(error))
            if not again:
                await self._pause(channel)

    async def _pause(self, channel: str) -> None:
        try:
            await asyncio.wait_for(self._wake[channel].wait(), self._own.poll)
        except TimeoutError:
            return

    async def _listen(self) -> None:
        """Hints from the ledger, on a connection of their own; everything is polled as well."""
        while True:
            try:
                conn = await connect(self._settings.database, "notifier-listen", autocommit=True)
                async with conn:
                    for channel in HEARD:
                        await conn.execute(f"LISTEN {channel}".encode())
                    async for notice in conn.notifies():
                        self._wake[notice.channel].set()
            except DATABASE_AWAY as error:
                logger.info("notifier.listen_again", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _relay(self) -> None:
        """Outbox to Kafka; the broker away means waiting, never losing."""
        while not self._stop.is_set():
            try:
                await self._relay_while_connected()
            except (KafkaError, *DATABASE_AWAY) as error:
                if isinstance(error, KafkaError) and self.health.down("kafka", error):
                    logger.warning("relay.kafka_away", error=str(error), todo="rows wait in the outbox")
                await asyncio.sleep(RETRY_SECONDS)

    async def _relay_while_connected(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka, request_timeout_ms=10_000, **PRODUCER_DEFAULTS
        )
        conn = await connect(self._settings.database, "notifier-relay", autocommit=True)
        try:
            async with conn:
                await producer.start()
                self.health.up("kafka")
                pruned = 0.0
                while not self._stop.is_set():
                    self._wake["halo_outbox"].clear()
                    if monotonic() - pruned > PRUNE_SECONDS:
                        await prune(conn)
                        pruned = monotonic()
                    if not await publish_waiting(conn, producer):
                        await producer.client.fetch_all_metadata()
                        await self._pause("halo_outbox")
        finally:
            await producer.stop()


async def _main() -> None:
    settings, own = Settings(), NotifierSettings()
    configure("notifier", json=settings.log_json)
    announce("notifier")
    notifier = Notifier(settings, own)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, notifier.stop)
    with Probes(settings.metrics_bind, settings.metrics_port, ready=notifier.health.faults):
        await notifier.run()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    uvloop.run(_main())


if __name__ == "__main__":
    main()
