"""The stream keeps its promises: nothing is skipped, nothing doubles, whatever happens to Kafka, Postgres or a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from infra.embedded.postgres import EmbeddedPostgres
from services.shared.topics import PATIENT_EVENTS
from tests.conftest import Topics
from tests.real import events, servers
from tests.real.ledgers import ask, one
from tests.real.workers import Worker, produce, wait, worker

GROUP = "halo-processor"
EXIT_UNEXPECTED = 70
"""As in the processor, whose metrics must not meet another process's in here."""


def stored(database: str, count: int) -> Callable[[], bool]:
    return lambda: one(database, "SELECT count(*) FROM source_message") == count


def test_a_killed_worker_is_followed_by_another_and_nothing_doubles(
    topics: Topics, database: str, tmp_path: Path
) -> None:
    items = [events.report(n % 40, {"ca": "13.9", "k": "6.6"}, hours=n // 40) for n in range(400)]
    with (
        worker(topics.bootstrap, database, tmp_path, number=1) as first,
        worker(topics.bootstrap, database, tmp_path, number=2) as second,
    ):
        wait(lambda: second.ready()["code"] == 200, what=second.output)
        produce(topics.bootstrap, items[:200])
        time.sleep(0.3)
        first.kill()
        produce(topics.bootstrap, items[200:])
        wait(stored(database, 400), what=second.output)
    assert one(database, "SELECT count(*) FROM result") == 800
    assert one(database, "SELECT count(*) FROM alert WHERE condition = 'active'") == 80
    assert (
        ask(
            database,
            "SELECT alert_id, alert_version, channel, count(*) FROM delivery GROUP BY 1, 2, 3 HAVING count(*) > 1",
        )
        == []
    )


def test_kafkas_offset_moved_ahead_by_hand_skips_nothing(topics: Topics, database: str, tmp_path: Path) -> None:
    produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(10)])
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 10), what=running.output)
        assert running.kill(15) == 0
    produce(topics.bootstrap, [events.report(n, {"ca": "14.9"}, hours=1) for n in range(10)])
    admin = KafkaAdminClient(bootstrap_servers=topics.bootstrap)
    wait(lambda: _move(admin, topics, 1000))
    admin.close()
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 20), what=running.output)
        assert running.metric('halo_offset_seeks_total{direction="back"}') == topics.partitions
    assert (
        one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'offsets_kafka_ahead'") == topics.partitions
    )


def _move(admin: KafkaAdminClient, topics: Topics, offset: int) -> bool:
    """Fails while the group still has its (static) member."""
    moved = {TopicPartition(PATIENT_EVENTS, p): OffsetAndMetadata(offset, "", -1) for p in range(topics.partitions)}
    try:
        admin.alter_group_offsets(GROUP, moved)
    except KafkaError:
        return False
    found = admin.list_group_offsets(GROUP)[GROUP]
    return all(found[tp].offset == offset for tp in moved)


def test_a_topic_made_anew_is_read_from_its_beginning_and_told(topics: Topics, database: str, tmp_path: Path) -> None:
    old = [events.report(n, {"ca": "13.9"}) for n in range(20)]
    produce(topics.bootstrap, old)
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 20), what=running.output)
        running.kill()
    servers.fresh_topics(topics.bootstrap, topics.partitions)
    produce(topics.bootstrap, [*old[:5], *(events.report(n, {"ca": "14.9"}, hours=1) for n in range(30))])
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 50), what=running.output)
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'offsets_other_log'") == topics.partitions
    assert one(database, "SELECT count(*) FROM result") == 50


def test_a_topic_replaced_under_a_running_worker_ends_it_and_nothing_is_skipped(
    topics: Topics, database: str, tmp_path: Path
) -> None:
    produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(5)])
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 5), what=running.output)
        servers.fresh_topics(topics.bootstrap, topics.partitions)
        produce(topics.bootstrap, [events.report(n, {"ca": "14.9"}, hours=1) for n in range(30)])
        wait(lambda: running.exit_code is not None, what=running.output)
        wait(running.supervised(stored(database, 35)), what=running.output)


def test_partitions_that_the_group_gave_to_nobody_are_assigned_anew(
    topics: Topics, database: str, tmp_path: Path
) -> None:
    produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(5)])
    with worker(topics.bootstrap, database, tmp_path, module="tests.real.assigning_nothing") as running:
        wait(lambda: running.exit_code == EXIT_UNEXPECTED, what=running.output)
        assert one(database, "SELECT count(*) FROM source_message") == 0
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 5), what=running.output)
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'partitions_unread'") == 1


def test_poison_bytes_between_good_records(topics: Topics, database: str, tmp_path: Path) -> None:
    produce(topics.bootstrap, [b"\x00\xff", b"{}", b'{"type":"lab_report"}'], partition=0)
    produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(10)])
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(stored(database, 10), what=running.output)
        wait(lambda: one(database, "SELECT count(*) FROM dead_letter") == 3, what=running.output)
        assert running.ready()["code"] == 200
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'dead_letter'") == 3


def test_postgres_away_for_a_while(topics: Topics, tmp_path: Path) -> None:
    with servers.server_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        try:
            servers.make_template(server.dsn())
            with servers.cloned_database(server.dsn()) as database:
                _with_postgres_away(server, topics, database, tmp_path)
        finally:
            server.stop()


def _with_postgres_away(
    server: EmbeddedPostgres, topics: Topics, database: str, folder: Path, seconds: float = 30.0
) -> None:
    with worker(topics.bootstrap, database, folder) as running:
        produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(10)])
        wait(stored(database, 10), what=running.output)
        server.kill()
        produce(topics.bootstrap, [events.report(n, {"ca": "14.9"}, hours=1) for n in range(10)])
        wait(lambda: running.ready()["code"] == 503, what=lambda: str(running.ready()))
        assert "database" in running.ready()["reasons"]
        time.sleep(seconds)
        assert running.exit_code is None, running.output()
        server.start()
        wait(lambda: _answers(database) and stored(database, 20)(), what=running.output)
        wait(lambda: running.ready()["code"] == 200, what=lambda: str(running.ready()))
    assert one(database, "SELECT count(*) FROM result") == 20


def _answers(database: str) -> bool:
    try:
        one(database, "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_a_worker_asked_to_stop_stops_and_starts_where_it_was(topics: Topics, database: str, tmp_path: Path) -> None:
    running = Worker(topics.bootstrap, database, tmp_path).start()
    produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(30)])
    wait(stored(database, 30), what=running.output)
    assert running.kill(15) == 0
    produce(topics.bootstrap, [events.report(n, {"ca": "9.0"}, hours=30) for n in range(30)])
    with worker(topics.bootstrap, database, tmp_path) as again:
        wait(stored(database, 60), what=again.output)
