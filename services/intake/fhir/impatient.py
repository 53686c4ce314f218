"""HTTP/1.1 connections that wait for a request's header for a limited time only: a slow sender keeps no place."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Impatient(H11Protocol):
    """Ends a connection whose next request header does not arrive in time; between requests the server's idle limit."""

    seconds: ClassVar[float] = 10
    _header: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The first header is waited for from now on."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Bytes that do not complete a header start the wait, or change nothing about it."""
        super().data_received(data)
        if not self._waiting and self._header is not None:
            self._header.cancel()
            self._header = None
        elif self._waiting:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        if self._header is not None:
            self._header.cancel()
        super().connection_lost(exc)

    @property
    def _waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._header is None:
            self._header = self.loop.call_later(self.seconds, self._give_up)

    def _give_up(self) -> None:
        self._header = None
        if self._waiting:
            self.transport.close()


def impatient(seconds: float) -> type[Impatient]:
    """With this limit."""
    return type("Impatient", (Impatient,), {"seconds": seconds})
