"""The MLLP listener: connections up to a limit, and draining before the process ends."""

from __future__ import annotations

import asyncio
import socket

from services.intake import metrics
from services.intake.connection import Connection
from services.intake.settings import IntakeSettings
from services.intake.taking import Taker
from services.shared.log import get_logger

DRAIN_SECONDS = 3.0
"""Beyond the hold: for answers to be written."""

logger = get_logger()


class MllpServer:
    """Start it within a running loop."""

    def __init__(self, settings: IntakeSettings, taker: Taker) -> None:
        self._settings = settings
        self._taker = taker
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], Connection] = {}

    async def start(self) -> None:
        """Listen. OSError, naming the address, when it is taken."""
        self._server = await asyncio.start_server(self._accept, self._settings.bind, self._settings.mllp_port)
        logger.info("mllp.listening", bind=self._settings.bind, port=self.port)

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("the listener has not been started")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """No new connections and messages; those taken are answered, then all connections close."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._serving.values():
            connection.drain()
        if self._serving:
            limit = self._settings.mllp_hold_seconds + DRAIN_SECONDS
            _, late = await asyncio.wait(self._serving, timeout=limit)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= self._settings.mllp_connections:
            self._turn_away(writer)
            return
        _configure(writer)
        connection = Connection(reader, writer, self._taker, self._settings)
        task = asyncio.create_task(connection.serve())
        self._serving[task] = connection
        task.add_done_callback(self._left)
        metrics.CONNECTIONS.set(len(self._serving))

    def _turn_away(self, writer: asyncio.StreamWriter) -> None:
        metrics.REJECTED.labels("too_many_connections").inc()
        logger.warning("mllp.too_many_connections", limit=self._settings.mllp_connections)
        writer.close()

    def _left(self, task: asyncio.Task[None]) -> None:
        self._serving.pop(task, None)
        metrics.CONNECTIONS.set(len(self._serving))
        if not task.cancelled() and (error := task.exception()):
            logger.error("mllp.connection_failed", error=repr(error))


def _configure(writer: asyncio.StreamWriter) -> None:
    """Answers leave at once, and a sender whose machine died is noticed."""
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
