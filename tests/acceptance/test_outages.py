"""Kafka away: senders are told the truth, pages go out all the same, and nothing is skipped afterwards."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer

from services.cli.inbox import Inbox
from services.ledger.opening import open_ledger
from services.notifier import outbox
from services.notifier.outbox import publish_waiting
from services.shared.database import connect
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.mllp_client import MllpClient, acknowledgements
from services.shared.settings import Settings
from services.shared.topics import ALERTS
from tests.conftest import Topics
from tests.real import events
from tests.real.hospital import hospital
from tests.real.ledgers import ask, one, stream
from tests.real.servers import free_ports, server_folder
from tests.real.system import System

pytestmark = pytest.mark.timeout(300)
AWAY_SECONDS = 30


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, str]]:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    with Inbox(free_ports(1)[0], 0, secret) as box:
        yield box, secret


@pytest.fixture(scope="module")
def running(inbox: tuple[Inbox, str]) -> Iterator[System]:
    with server_folder() as folder:
        (folder / "secret").write_text(inbox[1])
        (folder / "channels.toml").write_text(
            '[[channel]]\nname = "pager"\nkind = "webhook"\nrecipient = "on call"\ntest = true\n'
            f'address = "http://127.0.0.1:{inbox[0].web_port}/hook"\nsecret_file = "{folder / "secret"}"\n'
        )
        system = System(folder, env={"HALO_CHANNELS": str(folder / "channels.toml")})
        try:
            yield system.start()
        finally:
            system.end()


class DropsOnAE:
    """An engine that forgets a message for good on AE and AR, and sends again only after a lost connection."""

    def __init__(self, port: int) -> None:
        self.dropped: list[bytes] = []
        self.resent = 0
        self._port = port

    def send(self, messages: list[bytes]) -> None:
        with MllpClient(port=self._port, patience=120, on_retry=self._again) as client:
            for message in messages:
                (answer,) = acknowledgements(client.deliver(message))
                if answer.code != "AA":
                    self.dropped.append(message)

    def _again(self, _reason: str) -> None:
        self.resent += 1


def test_a_sender_that_drops_on_ae_loses_nothing(running: System) -> None:
    """Kafka hangs for 30 s in the middle: no answer instead of AE, so everything is sent again and stored once."""
    made_up = hospital(11, 120, 10)
    sender = DropsOnAE(int(running.addresses["mllp"].rpartition(":")[2]))
    sender.send(made_up.messages[:40])
    running.kill("kafka", signal.SIGSTOP)
    rest = threading.Thread(target=sender.send, args=(made_up.messages[40:],))
    rest.start()
    time.sleep(AWAY_SECONDS)
    running.kill("kafka", signal.SIGCONT)
    rest.join(120)
    assert not rest.is_alive()
    assert sender.resent > 0
    assert sender.dropped == []
    stored = "SELECT count(*) FROM source_message WHERE message_id LIKE 'O11-%' OR message_id LIKE 'RESENT%'"
    running.wait_for(lambda: one(running.dsn, stored) == made_up.distinct, "everything to be stored", 60)


async def test_pages_go_out_without_kafka(running: System, inbox: tuple[Inbox, str]) -> None:
    """A result that is stored already is told while the broker hangs; `alerts.v1` follows when it is back, in order."""
    running.kill("kafka", signal.SIGSTOP)
    try:
        settings = Settings(
            database=running.dsn, data_dir=running.folder, channels=running.folder / "channels.toml", kafka="unused"
        )
        ledger = open_ledger(settings, stream())
        before = len(inbox[0].received())
        high = [events.report("outage", {"ca_mmol": value}, hours=n) for n, value in enumerate(("3.1", "3.5", "3.9"))]
        for record in events.records(*high):
            await ledger.store([record])
        await ledger.close()
        running.wait_for(lambda: len(inbox[0].received()) > before, "the page", 10)
        waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        assert one(running.dsn, waiting) >= 1
    finally:
        running.kill("kafka", signal.SIGCONT)
    running.wait_for(lambda: one(running.dsn, waiting) == 0, "the outbox to be relayed", 60)
    written = [
        (record["alert_id"], record["version"])
        for (value,) in ask(running.dsn, "SELECT value FROM outbox WHERE key = %s ORDER BY id", b"HOSP|outage")
        for record in [json.loads(value)]
    ]
    assert len(written) >= len(high)
    assert list(dict.fromkeys(_published(running.bootstrap, "HOSP|outage"))) == written


def _published(bootstrap: str, patient: str) -> list[tuple[str, int]]:
    """Alert and version of every record of a patient in `alerts.v1`, in its order there; some may be repeated."""
    consumer = KafkaConsumer(
        ALERTS, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000
    )
    records = [json.loads(message.value) for message in consumer if message.key == patient.encode()]
    consumer.close()
    return [(record["alert_id"], record["version"]) for record in records]


async def test_a_transaction_held_open_while_a_later_one_commits_is_not_skipped(
    topics: Topics, database: str, tmp_path: Path
) -> None:
    """Sequence order is not commit order: the row with the smaller number comes later and is published all the same."""
    insert = "INSERT INTO outbox (shard, topic, key, value) VALUES (1, %s, %s, %s)"
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, **PRODUCER_DEFAULTS)
    await producer.start()
    relaying = await connect(database, "relay", autocommit=True)
    try:
        with psycopg.connect(database) as slow:
            slow.execute(insert, (ALERTS, b"k", b"early, committed late"))
            ask(database, insert, ALERTS, b"k", b"late, committed early")
            assert await publish_waiting(relaying, producer) == 1
        assert await publish_waiting(relaying, producer) == 1
    finally:
        await relaying.close()
        await producer.stop()
    assert one(database, "SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0


async def test_a_relay_that_dies_before_its_mark_and_two_that_run_at_once(
    topics: Topics, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirmed but not marked: published again, in order. Two relays side by side share the rows and repeat none."""
    _write(database, range(5))
    async with _relays(topics.bootstrap, database) as (first, second):
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "_MARK", "SELECT 1 / 0 WHERE %s::bigint[] IS NOT NULL")
            with pytest.raises(psycopg.errors.DivisionByZero):
                await first()
        assert await first() == 5
        _write(database, range(5, 10))
        assert sum(await asyncio.gather(first(), second())) == 5
    assert _values(topics.bootstrap) == [*range(5), *range(5), *range(5, 10)]


def _write(database: str, numbers: Iterable[int]) -> None:
    insert = "INSERT INTO outbox (shard, topic, key, value) VALUES (1, %s, %s, %s)"
    for number in numbers:
        ask(database, insert, ALERTS, b"k", str(number).encode())


@asynccontextmanager
async def _relays(bootstrap: str, database: str) -> AsyncIterator[Sequence[Callable[[], Awaitable[int]]]]:
    """Two relays, each with its own connection and producer."""
    async with AsyncExitStack() as stack:
        relays = []
        for name in ("relay 1", "relay 2"):
            producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **PRODUCER_DEFAULTS)
            await producer.start()
            stack.push_async_callback(producer.stop)
            conn = await stack.enter_async_context(await connect(database, name, autocommit=True))
            relays.append(partial(publish_waiting, conn, producer))
        yield relays


def _values(bootstrap: str) -> list[int]:
    consumer = KafkaConsumer(
        ALERTS, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000
    )
    found = [int(message.value) for message in consumer]
    consumer.close()
    return found


async def test_a_record_too_large_for_the_broker_stops_nobody(topics: Topics, database: str) -> None:
    """It is kept and operations hear of it; the rows behind it, of its own shard and of others, are published."""
    insert = "INSERT INTO outbox (shard, topic, key, value) VALUES (%s, %s, %s, %s)"
    for shard, value in ((0, b"x" * (25 * 1024 * 1024)), (0, b"behind it"), (1, b"beside it")):
        ask(database, insert, shard, ALERTS, b"k", value)
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, **PRODUCER_DEFAULTS)
    await producer.start()
    relaying = await connect(database, "relay", autocommit=True)
    try:
        await publish_waiting(relaying, producer)
        assert await publish_waiting(relaying, producer) == 0
    finally:
        await relaying.close()
        await producer.stop()
    assert one(database, "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 2
    assert one(database, "SELECT count(*) FROM outbox WHERE refused IS NOT NULL") == 1
    assert one(database, "SELECT kind FROM operations_alert") == "outbox_refused"
