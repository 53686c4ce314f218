"""What every answer carries, and how long it took."""

from __future__ import annotations

import time

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from services.board import metrics

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STREAM = "/api/v1/events"


async def harden(message: Message, scope: Scope) -> None:
    """Security headers; nothing but our static files may be kept by a cache."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["Cache-Control"] = "max-age=3600" if scope["path"].startswith("/static/") else "no-store"


def measured(app: ASGIApp) -> ASGIApp:
    """Request latency by route template and status."""

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] is not ScopeType.HTTP or scope["path"] == STREAM:
            await app(scope, receive, send)
            return
        begun, status = time.monotonic(), "500"

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await app(scope, receive, watched)
        finally:
            route = str(scope.get("path_template", ""))
            metrics.REQUEST.labels(route, status).observe(time.monotonic() - begun)

    return timed
