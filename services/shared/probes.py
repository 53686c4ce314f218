"""`/metrics`, `/livez` and `/readyz` of a process, on its own port and in its own thread.

In a thread so that they still answer, and tell the truth, when the process's loop is stuck. The two callables are asked
at each request, in that thread, and must be quick; they return what is wrong, by name, and nothing when all is well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from services.shared.log import logger

Check = Callable[[], dict[str, str]]
"""Names of what is wrong, each with its reason; empty when all is well."""


def always() -> dict[str, str]:
    """The check of a process with nothing to say."""
    return {}


class Probes:
    """The probe server of one process. Port 0 takes a free one; `port` says which after `start`."""

    def __init__(
        self,
        bind: str,
        port: int,
        live: Check = always,
        ready: Check = always,
        *,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._server = _Server((bind, port), live, ready, registry)
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="probes", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Answer from now on; logs the address."""
        self._thread.start()
        logger.info("probes.listening", bind=str(self._server.server_address[0]), port=self.port)
        return self

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], live: Check, ready: Check, registry: CollectorRegistry) -> None:
        super().__init__(address, _Handler)
        self.checks = {"/livez": live, "/readyz": ready}
        self.registry = registry


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Answer one probe."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif path in self.server.checks:
            self._check(self.server.checks[path])
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /livez /readyz\n")

    def _check(self, check: Check) -> None:
        try:
            wrong = check()
        except Exception as error:  # noqa: BLE001 - a check that raises is itself the news
            wrong = {"check": f"{type(error).__name__}: {error}"}
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        body = {"status": "failing" if wrong else "ok", "reasons": wrong}
        self._send(status, "application/json", json.dumps(body).encode() + b"\n")

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """Probes come every few seconds: not logged."""
