"""Fixtures of the tests on real Kafka and PostgreSQL. Servers live a session, databases and topics a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.postgres import EmbeddedPostgres
from tests.real import servers
from tests.real.system import System, system

PARTITIONS = 4
"""Fewer than in a hospital: enough to tell partitions apart, quicker to make anew for each test."""


WITHOUT_SERVERS = ("unit", "contract")
"""Folders of tests that start nothing."""


class _OneHasTheServers(LoadScopeScheduling):
    """Of several processes one has the servers and ports, the others take the files that need none."""

    def _split_scope(self, nodeid: str) -> str:
        folder = Path(nodeid).parts[1]
        return nodeid.partition("::")[0] if folder in WITHOUT_SERVERS else "servers"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """With `-n 2`."""
    return _OneHasTheServers(config, log)


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
