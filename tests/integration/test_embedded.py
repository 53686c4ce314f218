"""Embedded servers keep what they confirmed: over a restart and over SIGKILL."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.database import migrate
from infra.embedded.child import ServerError
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.postgres import EmbeddedPostgres
from services.shared import kafka as shared_kafka
from services.shared.topics import PATIENT_EVENTS
from tests.conftest import Topics
from tests.real import servers

pytestmark = pytest.mark.real


def produce(bootstrap: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, **shared_kafka.PRODUCER_DEFAULTS)
    producer.send(PATIENT_EVENTS, value, key=b"HOSP|1", partition=0).get(timeout=20)
    producer.close()


def stored(bootstrap: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    place = TopicPartition(PATIENT_EVENTS, 0)
    consumer.assign([place])
    end = consumer.end_offsets([place])[place]
    found: list[bytes] = []
    while consumer.position(place) < end:
        found += [record.value for records in consumer.poll(500).values() for record in records]
    consumer.close()
    return found


def test_kafka_keeps_records_over_stop_and_sigkill() -> None:
    """What the broker confirmed is there after a clean stop and after a crash, under the same cluster id."""
    with servers.kafka() as server:
        shared_kafka.create_topics(server.bootstrap, partitions=1)
        cluster, topic = (
            shared_kafka.cluster_id(server.bootstrap),
            shared_kafka.topic_id(server.bootstrap, PATIENT_EVENTS),
        )
        produce(server.bootstrap, b"before stop")
        server.stop()
        assert not server.running
        server.start()
        produce(server.bootstrap, b"before kill")
        server.kill()
        server.start()
        assert stored(server.bootstrap) == [b"before stop", b"before kill"]
        assert shared_kafka.cluster_id(server.bootstrap) == cluster
        assert shared_kafka.topic_id(server.bootstrap, PATIENT_EVENTS) == topic


def test_kafka_takes_messages_of_sixteen_megabytes(topics: Topics) -> None:
    """A report with a large PDF goes through producer, broker and topic."""
    produce(topics.bootstrap, os.urandom(16 * 1024 * 1024))
    assert [len(value) for value in stored(topics.bootstrap)] == [16 * 1024 * 1024]


def test_kafka_says_which_port_is_taken(tmp_path: Path) -> None:
    with servers.kafka() as server:
        other = EmbeddedKafka(tmp_path, server.port, servers.free_ports(1)[0])
        with pytest.raises(ServerError, match=f"port {server.port} on 127.0.0.1 is taken"):
            other.start()


def test_postgres_keeps_rows_over_stop_and_sigkill() -> None:
    """A committed row is there after a clean stop and after a crash with a client connected."""
    with servers.postgres() as server:
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('before stop')")
        server.stop()
        server.start()
        connection = psycopg.connect(server.dsn())
        connection.execute("INSERT INTO kept VALUES ('before kill')")
        connection.commit()
        server.kill()
        server.start()
        connection.close()
        with psycopg.connect(server.dsn()) as fresh:
            assert fresh.execute("SELECT word FROM kept").fetchall() == [("before stop",), ("before kill",)]


def test_postgres_starts_over_an_orphan_of_a_killed_postmaster() -> None:
    """A backend busy with a query outlives its postmaster; the next start ends it instead of failing."""
    with servers.postgres() as server:
        busy = psycopg.connect(server.dsn(), autocommit=True)
        pid = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1e12)")
        server.kill()
        assert psutil.pid_exists(pid)
        server.start()
        assert not psutil.pid_exists(pid)
        busy.close()


def test_postgres_admits_nobody_without_the_password(postgres_server: EmbeddedPostgres) -> None:
    """Only the socket, only with the generated password, which only its owner can read."""
    wrong = servers.admin_dsn(postgres_server.dsn(), "halo").replace("password=", "password=x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert (postgres_server.data_dir / "postgres.password").stat().st_mode & 0o077 == 0
    process = psutil.Process(postgres_server.pid)
    assert process.uids().real != 0
    assert [connection for connection in process.net_connections("inet") if connection.status == "LISTEN"] == []


def test_postgres_is_durable(postgres_server: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres_server.dsn()) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_postgres_leaves_a_private_folder_private() -> None:
    """Below a 0700 folder the server still starts, and the folder's mode is as it was (its user cannot enter it)."""
    with servers.server_folder() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        inside = closed / ("a-long-name-" * 9)
        server = EmbeddedPostgres(inside)
        server.start()
        try:
            assert server.place is not None
            with psycopg.connect(server.dsn()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert closed.stat().st_mode & 0o777 == 0o700
            assert server.place.stat().st_mode & 0o077 == 0
            assert server.place.is_relative_to(folder) == (os.geteuid() != 0)
        finally:
            server.stop()
            if server.place is not None and not server.place.is_relative_to(folder):
                shutil.rmtree(server.place)
                shutil.rmtree(server.place.with_name(server.place.name + ".socket"))


def test_a_folder_has_one_owner(postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(ServerError, match=f"in use by process {os.getpid()}"):
        EmbeddedPostgres(postgres_server.data_dir).start()


def test_migrations_apply_once(database: str) -> None:
    """A migrated database lacks nothing and applying again does nothing."""
    assert migrate.pending(database) == []
    assert migrate.apply(database) == []


def test_a_failing_migration_leaves_nothing(postgres_server: EmbeddedPostgres, tmp_path: Path) -> None:
    """All or nothing: a statement that fails takes the ones before it back, and it stays pending."""
    (tmp_path / "01_good.sql").write_text("CREATE TABLE good (a int)")
    (tmp_path / "02_bad.sql").write_text("-- depends: 01_good\nCREATE TABLE half (a int);\nSELECT nonsense;\n")
    with servers.empty_database(postgres_server.dsn()) as dsn:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            migrate.apply(dsn, tmp_path)
        assert migrate.pending(dsn, tmp_path) == ["02_bad"]
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT to_regclass('good'), to_regclass('half')").fetchone() == ("good", None)


def test_topics_are_as_their_files_say(topics: Topics) -> None:
    assert shared_kafka.check_topics(topics.bootstrap, partitions=topics.partitions) == []
    faults = shared_kafka.check_topics(topics.bootstrap, partitions=7)
    assert {fault.problem for fault in faults} == {"has 4 partitions, expected 7"}
