"""Sessions carry the limits that keep one stuck transaction from stopping the rest."""

from __future__ import annotations

import psycopg
import pytest

from infra.embedded.postgres import EmbeddedPostgres
from services.shared import database as shared
from tests.real import servers

pytestmark = pytest.mark.real


async def test_a_session_has_our_limits(database: str) -> None:
    expected = {
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "15s",
        "application_name": "halo-test",
        "TimeZone": "UTC",
    }
    async with shared.pool(database, "test") as pool, pool.connection() as connection:
        for name, value in expected.items():
            assert await (await connection.execute(f"SHOW {name}")).fetchone() == (value,)


async def test_a_lock_is_not_waited_for_for_ever(database: str) -> None:
    """A second writer gives up with an error that is retried, instead of hanging."""
    dsn = shared.conninfo(database, "test", options="-c lock_timeout=100")
    async with (
        await psycopg.AsyncConnection.connect(dsn) as holder,
        await psycopg.AsyncConnection.connect(dsn) as other,
    ):
        await holder.execute("CREATE TABLE locked (a int)")
        await holder.commit()
        await holder.execute("LOCK TABLE locked")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await other.execute("LOCK TABLE locked")


async def test_a_pool_survives_a_restart_of_the_server() -> None:
    """The first connection handed out after a crash works: dead ones are found out before."""
    with servers.postgres() as server:
        async with shared.pool(server.dsn(), "test", min_size=2) as pool:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
            server.kill()
            server.start()
            async with pool.connection() as connection:
                assert await (await connection.execute("SELECT 2")).fetchone() == (2,)


def test_blocking_connections_have_them_too(postgres_server: EmbeddedPostgres) -> None:
    with shared.connect_blocking(postgres_server.dsn(), "cli") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
