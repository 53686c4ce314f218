"""The HTTP listener of the FHIR endpoint, in the loop of the intake process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import uvicorn

from services.intake.fhir.app import FhirApp
from services.intake.fhir.impatient import impatient
from services.intake.fhir.settings import FhirSettings
from services.intake.fhir.taking import FhirTaker
from services.intake.fhir.tls import FhirTls, address
from services.intake.fhir.tokens import Tokens
from services.intake.taking import Producer
from services.intake.telling import Tell
from services.mapping.site import Site
from services.shared.log import get_logger

DRAIN_SECONDS = 5
HEADER_BYTES = 32 * 1024

logger = get_logger()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and says when it is done."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the intake process's own."""
        yield


class FhirServer:
    """Start it within a running loop; without a port it does nothing."""

    def __init__(self, settings: FhirSettings, app: FhirApp, tokens: Tokens, tls: FhirTls) -> None:
        self._settings, self._app, self._tokens, self._tls = settings, app, tokens, tls
        self._server: _Server | None = None
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._socket is None:
            raise RuntimeError("the FHIR listener has not been started")
        return int(self._socket.getsockname()[1])

    async def keep(self) -> None:
        """Run it beside the listener, for ever; returns at once where there is none."""
        if self._settings.fhir_port is not None:
            await asyncio.gather(self._tokens.keep(), self._tls.keep())

    async def start(self) -> None:
        """Listen. OSError, naming the address, when it is taken."""
        settings = self._settings
        if settings.fhir_port is None:
            return
        bind = address(settings)
        self._socket = _listen(bind, settings.fhir_port)
        self._server = _Server(self._config())
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            await self._task
        logger.info("fhir.listening", bind=bind, port=self.port, tls=self._tls.context is not None)

    async def stop(self) -> None:
        """No new connections; requests that were taken are answered."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task

    def _config(self) -> uvicorn.Config:
        settings = self._settings
        config = uvicorn.Config(
            self._app, loop="none", http=impatient(settings.fhir_header_seconds), ws="none", lifespan="off",
            log_config=None, access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=settings.fhir_connections + 1, timeout_keep_alive=settings.fhir_idle_seconds,
            timeout_graceful_shutdown=int(settings.fhir_hold_seconds) + DRAIN_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )  # fmt: skip
        config.load()
        config.ssl = self._tls.context
        return config


def make_server(
    settings: FhirSettings, producer: Producer, now: Callable[[], datetime], site: Callable[[], Site], tell: Tell
) -> FhirServer:
    """The endpoint with everything it needs. TlsUnusable names the file of TLS that cannot be used."""
    tokens = Tokens(settings, now)
    app = FhirApp(settings, FhirTaker(settings, producer, now, site), tokens, site)
    return FhirServer(settings, app, tokens, FhirTls(settings, tell, now))


def _listen(bind: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise OSError(f"FHIR on {bind}:{port}: {error}") from error
    return listening
