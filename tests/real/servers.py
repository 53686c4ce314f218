"""Embedded servers for tests, databases cloned from a migrated template, topics made anew."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from kafka.admin import MemberToRemove
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.database import migrate
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.postgres import EmbeddedPostgres
from services.shared.kafka import admin, create_topics, describe
from services.shared.topics import load

TEMPLATE = "halo_template"


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can walk to (pytest's own are private to the present user)."""
    folder = Path(tempfile.mkdtemp(prefix="halo-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that nothing listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_base(size: int = 30) -> int:
    """The first of `size` consecutive free ports below the kernel's own range."""
    start = 20_100 + secrets.randbelow(10_000)
    for base in range(start, 32_000 - size, size):
        if all(_is_free(base + offset) for offset in range(size)):
            return base
    raise RuntimeError("no run of free ports found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def kafka() -> Iterator[EmbeddedKafka]:
    """A running broker with an empty folder."""
    with server_folder() as folder:
        port, controller_port = free_ports(2)
        server = EmbeddedKafka(folder / "kafka", port, controller_port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running server with an empty folder."""
    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def admin_dsn(server_dsn: str, database: str) -> str:
    """The same server and user, another database."""
    return make_conninfo(server_dsn, dbname=database)


def make_template(server_dsn: str) -> None:
    """Create and migrate the template database, once a server."""
    with psycopg.connect(admin_dsn(server_dsn, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(TEMPLATE)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate.apply(admin_dsn(server_dsn, TEMPLATE))


def cloned_database(server_dsn: str) -> AbstractContextManager[str]:
    """A fresh migrated database; dropped afterwards, whoever is still connected."""
    return _database(server_dsn, TEMPLATE)


def empty_database(server_dsn: str) -> AbstractContextManager[str]:
    """A database without any table; dropped afterwards."""
    return _database(server_dsn, "template1")


@contextmanager
def _database(server_dsn: str, template: str) -> Iterator[str]:
    name = f"halo_{secrets.token_hex(6)}"
    identifiers = (sql.Identifier(name), sql.Identifier(template))
    maintenance = admin_dsn(server_dsn, "postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*identifiers))
    try:
        yield admin_dsn(server_dsn, name)
    finally:
        _drop(maintenance, identifiers[0])


def _drop(maintenance: str, name: sql.Identifier) -> None:
    """Whoever is connected is thrown out, except an autovacuum worker, which soon goes by itself."""
    deadline = time.monotonic() + 20
    with psycopg.connect(maintenance, autocommit=True) as connection:
        while True:
            try:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            except psycopg.errors.InsufficientPrivilege:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def delete_topics(bootstrap: str) -> None:
    """Delete every topic of `schemas/topics` and wait until they are gone."""
    with admin(bootstrap) as client:
        present = list(describe(client, load()))
        if present:
            client.delete_topics(present)
        deadline = time.monotonic() + 15
        while describe(client, load()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"topics {present} could not be deleted at {bootstrap}")
            time.sleep(0.05)


def forget_groups(bootstrap: str) -> None:
    """No consumer group is left: a killed static member would hand its share, or nothing, to the next test's."""
    with admin(bootstrap) as client:
        groups = [group["group_id"] for group in client.list_groups()]
        for name, found in client.describe_groups(groups).items() if groups else ():
            members = [MemberToRemove(member_id=member["member_id"]) for member in found["members"]]
            if members:
                client.remove_group_members(name, members)
        if groups:
            client.delete_groups(groups)


def fresh_topics(bootstrap: str, partitions: int) -> None:
    """Every topic of `schemas/topics`, empty: deleted where it exists, created anew (with a new topic id)."""
    delete_topics(bootstrap)
    create_topics(bootstrap, partitions=partitions)


def chosen_kafka() -> str | None:
    """`HALO_TEST_KAFKA`: a broker kept running between test runs; its topics are wiped."""
    return os.environ.get("HALO_TEST_KAFKA")


def chosen_postgres() -> str | None:
    """`HALO_TEST_DATABASE`: a server kept running between test runs; its user must be allowed to create databases."""
    return os.environ.get("HALO_TEST_DATABASE")
