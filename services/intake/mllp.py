"""The MLLP listener: connections up to a limit, and draining before the process ends."""

from __future__ import annotations

import asyncio
import socket
import ssl

from services.intake import metrics
from services.intake.connection import Connection, Room
from services.intake.settings import IntakeSettings
from services.intake.taking import Taker
from services.intake.tls import make_context
from services.shared.log import get_logger

BACKLOG = 1024
"""Connections that wait to be accepted; senders all come back at once after an outage."""
DRAIN_SECONDS = 3.0
"""Beyond the hold: for answers to be written."""

logger = get_logger()


class MllpServer:
    """Start it within a running loop."""

    def __init__(self, settings: IntakeSettings, taker: Taker) -> None:
        self._settings = settings
        self._taker = taker
        self._room = Room(settings.mllp_held_bytes)
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._serving: dict[asyncio.Task[None], Connection] = {}

    async def start(self) -> None:
        """Listen. OSError when the address is taken; TlsUnusable."""
        context = make_context(self._settings)
        self._sockets = _listen(self._settings.bind, self._settings.mllp_port)
        await self.renew(context)
        logger.info("mllp.listening", bind=self._settings.bind, port=self.port, tls=context is not None)

    async def renew(self, context: ssl.SSLContext | None) -> None:
        """New connections begin with `context`; those that are open go on, and none is turned away meanwhile."""
        before, self._servers = self._servers, [await self._serve(listening, context) for listening in self._sockets]
        for server in before:
            server.close()

    async def _serve(self, listening: socket.socket, context: ssl.SSLContext | None) -> asyncio.Server:
        limit = self._settings.mllp_handshake_seconds if context else None
        return await asyncio.start_server(
            self._accept, sock=listening.dup(), backlog=BACKLOG, ssl=context, ssl_handshake_timeout=limit
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        if not self._sockets:
            raise RuntimeError("the listener has not been started")
        return int(self._sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """No new connections and messages; those taken are answered, then all connections close."""
        for server in self._servers:
            server.close()
        for listening in self._sockets:
            listening.close()
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
        connection = Connection(reader, writer, self._taker, self._settings, self._room)
        task = asyncio.create_task(connection.serve())
        self._serving[task] = connection
        task.add_done_callback(self._left)

    def _turn_away(self, writer: asyncio.StreamWriter) -> None:
        metrics.REJECTED.labels("too_many_connections").inc()
        logger.warning("mllp.too_many_connections", limit=self._settings.mllp_connections)
        writer.close()

    def _left(self, task: asyncio.Task[None]) -> None:
        self._serving.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            logger.error("mllp.connection_failed", error=repr(error))


def _listen(bind: str, port: int) -> list[socket.socket]:
    """Sockets of our own, one for each address of a name: listeners come and go with their certificates, these stay."""
    found = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        taken = sockets[0].getsockname()[1] if sockets else port
        sockets.append(socket.create_server((str(address[0]), taken), family=family, backlog=BACKLOG))
        sockets[-1].setblocking(False)
    return sockets


def _configure(writer: asyncio.StreamWriter) -> None:
    """Answers leave at once, and a sender whose machine died is noticed."""
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
