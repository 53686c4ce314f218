"""What every handler needs, kept on the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from services.board.live import Live
from services.board.reading.trends import TrendReader
from services.board.settings import BoardSettings
from services.board.viewer import Viewer
from services.shared.context_sending import ContextSender

SESSION_COOKIE = "halo_session"
DEVICE_COOKIE = "halo_device"
POOL_WAIT_SECONDS = 5.0
BEARER = "bearer "


class Board:
    """The composed parts of one board process."""

    def __init__(
        self, settings: BoardSettings, pool: AsyncConnectionPool[Any], live: Live, sender: ContextSender, realm: str
    ) -> None:  # fmt: skip
        self.settings = settings
        self.pool = pool
        self.live = live
        self.sender = sender
        self.realm = realm
        self.trends = TrendReader(lambda: live.rules.pack)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """One transaction. PoolTimeout or psycopg.OperationalError when the database is away."""
        async with self.pool.connection(timeout=POOL_WAIT_SECONDS) as conn:
            yield conn


def board_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Board:
    """The board of the application that serves this connection."""
    board: Board = connection.app.state.board
    return board


def viewer_in(request: Request[Any, Any, Any]) -> Viewer:
    """Who is asking; only in handlers that a guard protects."""
    viewer: Viewer = request.user
    return viewer


def secret_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The secret that the connection brought: a bearer token, a session or a device cookie; empty without."""
    header = connection.headers.get("authorization", "")
    if header.lower().startswith(BEARER):
        return header[len(BEARER) :].strip()
    return connection.cookies.get(SESSION_COOKIE) or connection.cookies.get(DEVICE_COOKIE) or ""


def route_of(request: Request[Any, Any, Any]) -> str:
    """The route's template, the only form of an address that is written down."""
    return str(request.scope.get("path_template", ""))
