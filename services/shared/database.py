"""Connections to Postgres with the limits that keep one stuck session from stopping the rest (design 6)."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 30_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
WRITER_IDLE_IN_TRANSACTION_TIMEOUT_MS = 120_000
"""Of the ledger: it asks the rules inside its transaction, and a hung worker is seen by its probes long before."""
TCP_USER_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 10

_SESSION = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "timezone": "UTC",
}


def conninfo(dsn: str, process: str, *, idle_ms: int = IDLE_IN_TRANSACTION_TIMEOUT_MS, **changes: Any) -> str:
    """`dsn` with our limits; `process` shows in pg_stat_activity. `changes` are further libpq parameters."""
    session = _SESSION | {"idle_in_transaction_session_timeout": idle_ms}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    parameters: dict[str, Any] = {
        "application_name": f"halo-{process}",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": options,
    }
    return make_conninfo(dsn, **(parameters | changes))


async def connect(
    dsn: str, process: str, *, autocommit: bool = False, idle_ms: int = IDLE_IN_TRANSACTION_TIMEOUT_MS
) -> psycopg.AsyncConnection[Any]:
    """One connection, for what must not share the pool (LISTEN, advisory locks). psycopg.OperationalError if none."""
    return await psycopg.AsyncConnection.connect(conninfo(dsn, process, idle_ms=idle_ms), autocommit=autocommit)


async def connect_writer(dsn: str, process: str) -> psycopg.AsyncConnection[Any]:
    """The ledger's own connection. psycopg.OperationalError if none."""
    return await connect(dsn, process, autocommit=True, idle_ms=WRITER_IDLE_IN_TRANSACTION_TIMEOUT_MS)


def connect_blocking(dsn: str, process: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """One connection for programs without an event loop."""
    return psycopg.connect(conninfo(dsn, process), autocommit=autocommit)


def pool(dsn: str, process: str, *, min_size: int = 1, max_size: int = 4) -> AsyncConnectionPool[Any]:
    """A pool to be opened by `async with`.

    Connections are tried before they are handed out, so that a restarted server costs a moment, not an error.
    """
    return AsyncConnectionPool(
        conninfo(dsn, process),
        min_size=min_size,
        max_size=max_size,
        open=False,
        name=process,
        check=AsyncConnectionPool.check_connection,
        reconnect_timeout=5.0,
    )
