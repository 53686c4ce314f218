"""Fixtures of the tests on real Kafka and PostgreSQL. Servers live a session, databases and topics a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.postgres import EmbeddedPostgres
from tests.real import servers
from tests.real.system import System, system

PARTITIONS = 4
"""Fewer than in a hospital: enough to tell partitions apart, quicker to make anew for each test."""


WITHOUT_SERVERS = ("unit", "contract")
"""Folders of tests that start nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` one process has the servers and ports, the other one what needs none."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] not in WITHOUT_SERVERS or item.get_closest_marker("real"):
            item.add_marker(pytest.mark.xdist_group("servers"))


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[EmbeddedKafka]:
    """A running broker (an object with `bootstrap`, `kill`, `start`)."""
    with servers.kafka() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running server (an object with `dsn`, `kill`, `start`)."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """Bootstrap address of the session's broker, or of the one named by HALO_TEST_KAFKA."""
    return servers.chosen_kafka() or request.getfixturevalue("kafka_server").bootstrap


@pytest.fixture(scope="session")
def postgres_dsn(request: pytest.FixtureRequest) -> str:
    """A maintenance connection string of the session's server with the template made."""
    dsn = servers.chosen_postgres() or request.getfixturevalue("postgres_server").dsn()
    servers.make_template(dsn)
    return dsn


@pytest.fixture
def database(postgres_dsn: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    with servers.cloned_database(postgres_dsn) as dsn:
        yield dsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Empty topics on a running broker."""

    bootstrap: str
    partitions: int


@pytest.fixture
def topics(kafka_bootstrap: str) -> Topics:
    """All topics, made anew for this test."""
    servers.forget_groups(kafka_bootstrap)
    servers.fresh_topics(kafka_bootstrap, PARTITIONS)
    return Topics(bootstrap=kafka_bootstrap, partitions=PARTITIONS)


@pytest.fixture
def halo_system() -> Iterator[System]:
    """A whole Halo, started with `halo up` for this test and ready."""
    with system() as running:
        yield running
