"""The board process: pages, REST API and live stream. `python -m services.board.app`."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.static_files import create_static_files_router

from services.board.access import Authentication
from services.board.context import Board
from services.board.headers import harden, measured
from services.board.live import Live
from services.board.pages import alerts, login, patients, ward
from services.board.pages import candidates as candidate_pages
from services.board.pages import dead_letters as letter_pages
from services.board.pages import feeds as feed_pages
from services.board.pages import quarantine as bench_pages
from services.board.problems import answer
from services.board.rest import alerts as rest_alerts
from services.board.rest import candidates, context, dead_letters, events, feeds, stewards
from services.board.rest import links as rest_links
from services.board.rest import patients as rest_patients
from services.board.settings import BoardSettings
from services.shared import database, log
from services.shared.context_sending import ContextSender
from services.shared.log import logger
from services.shared.metrics import announce, halo_version
from services.shared.probes import Probes

STATIC = Path(__file__).parent / "static"
PAGES = [
    ward.ward, ward.card, alerts.alert_list, alerts.alert_page, alerts.acknowledge_form, alerts.comment_form,
    alerts.release_form,
    patients.patient_list, patients.patient_search, patients.patient_page,
    feed_pages.feeds_page, candidate_pages.candidates_page, candidate_pages.candidate_form,
    login.login_page, login.login, login.logout, login.entrance, login.enter, *bench_pages.PAGES, *letter_pages.PAGES,
]  # fmt: skip
DRAIN_SECONDS = 5


def create_app(settings: BoardSettings) -> Litestar:
    """The application; its database connections live as long as it does."""
    api = Router("/api/v1", route_handlers=[
        *rest_links.ROUTES,
        *rest_alerts.ROUTES, *rest_patients.ROUTES, *stewards.ROUTES, *events.ROUTES, *context.ROUTES,
        *candidates.ROUTES, *feeds.ROUTES, *dead_letters.ROUTES,
    ])  # fmt: skip
    return Litestar(
        route_handlers=[*PAGES, api, create_static_files_router(path="/static", directories=[STATIC])],
        middleware=[measured, DefineMiddleware(Authentication)],
        exception_handlers={Exception: answer},
        before_send=[harden],
        lifespan=[lambda app: _life(app, settings)],
        openapi_config=OpenAPIConfig(
            title="Halo", version=halo_version(), path="/schema", use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
        ),
        logging_config=None,
        state=State({"settings": settings}),
        request_max_body_size=1_000_000,
    )  # fmt: skip


@asynccontextmanager
async def _life(app: Litestar, settings: BoardSettings) -> AsyncIterator[None]:
    async with (
        database.pool(settings.database, "board", max_size=8) as pool,
        ContextSender(settings.kafka, origin="board") as sender,
    ):
        live = Live(settings.database)
        app.state.live = live
        app.state.board = Board(settings, pool, live, sender, await _first_look(pool))
        async with live.running():
            yield


async def _first_look(pool: Any) -> str:
    """The realm; says how to create the first person when there is none."""
    while True:
        try:
            async with pool.connection(timeout=5.0) as conn:
                row = await (await conn.execute(
                    "SELECT (SELECT realm FROM installation), EXISTS (SELECT FROM person)")).fetchone()  # fmt: skip
        except psycopg.OperationalError as error:
            logger.warning("board.waits_for_database", error=type(error).__name__)
            await asyncio.sleep(1.0)
            continue
        if not row[1]:
            logger.warning("board.nobody", advice="nobody can log in yet: halo user add LOGIN --role admin")
        return str(row[0] or "")


class Server(uvicorn.Server):
    """Ends open streams first, so that stopping never waits for a screen."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after the streams were told."""
        self._before_shutdown()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = BoardSettings()
    log.configure("board", json=settings.log_json)
    announce("board")
    app = create_app(settings)
    config = uvicorn.Config(
        app, host=settings.bind, port=settings.board_port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS, lifespan="on",
    )  # fmt: skip
    server = Server(config, lambda: _close(app))
    with Probes(settings.metrics_bind, settings.metrics_port, ready=lambda: _not_ready(app, server)):
        server.run()
    if not server.started:
        sys.exit(f"halo board: could not serve on {settings.bind}:{settings.board_port}; the log above says why")


def _close(app: Litestar) -> None:
    live: Live | None = app.state.get("live")
    if live is not None:
        live.close()


def _not_ready(app: Litestar, server: uvicorn.Server) -> dict[str, str]:
    wrong = {} if server.started else {"listener": "does not accept connections yet"}
    live: Live | None = app.state.get("live")
    if live is None or not live.fresh:
        wrong["database"] = "is not heard; pages are not live"
    return wrong


if __name__ == "__main__":
    main()
