"""The inbox as a page, and the address that webhooks are posted to (`/hook`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol

LARGEST_WEBHOOK = 1024 * 1024
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#111;background:#fafafa;padding:0 1rem}
h1{font-size:1.4rem} .note{color:#444} ol{list-style:none;padding:0}
li{background:#fff;border:1px solid #ccc;border-left:.5rem solid #888;padding:.6rem 1rem;margin:.5rem 0}
li.CRITICAL{border-left-color:#d55e00} li.HIGH{border-left-color:#e69f00} li.MEDIUM{border-left-color:#0072b2}
b{display:inline-block;min-width:6rem} time,small{color:#444} pre{white-space:pre-wrap;margin:.4rem 0 0;font-size:.9rem}
"""


class Item(Protocol):
    """What the page needs of a message."""

    @property
    def channel(self) -> str: ...  # noqa: D102 - named in `Received`
    @property
    def at(self) -> datetime: ...  # noqa: D102 - as above
    @property
    def title(self) -> str: ...  # noqa: D102 - as above
    @property
    def severity(self) -> str: ...  # noqa: D102 - as above
    @property
    def text(self) -> str: ...  # noqa: D102 - as above


class Mailbox(Protocol):
    """What the page shows and the webhook fills."""

    def received(self) -> Sequence[Item]:
        """Everything that arrived."""
        ...

    def take_webhook(self, body: bytes, headers: dict[str, str]) -> bool:
        """False when the signature is wrong."""
        ...


def handler(mailbox: Mailbox, board_url: str) -> type[BaseHTTPRequestHandler]:
    """A request handler class bound to one inbox."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            """The page."""
            self._answer(HTTPStatus.OK, page(mailbox.received(), board_url))

        def do_POST(self) -> None:
            """A webhook."""
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST_WEBHOOK:
                self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "")
                return
            taken = mailbox.take_webhook(self.rfile.read(length), dict(self.headers.items()))
            self._answer(HTTPStatus.NO_CONTENT if taken else HTTPStatus.UNAUTHORIZED, "")

        def _answer(self, status: HTTPStatus, body: str) -> None:
            content = body.encode()
            self.send_response(status)
            if status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != HTTPStatus.NO_CONTENT:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
            """The page itself is the log."""

    return Handler


def page(items: Sequence[Item], board_url: str) -> str:
    """All messages, newest first; reloads itself."""
    rows = "".join(_row(item) for item in reversed(items)) or "<li>Nothing has arrived yet.</li>"
    board = f'<p><a href="{escape(board_url)}">Ward board</a></p>' if board_url else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        '<meta name="viewport" content="width=device-width"><title>Halo demo inbox</title>'
        f"<style>{_STYLE}</style><h1>Demo inbox: {len(items)} messages</h1>"
        '<p class="note">Made-up patients. NOT APPROVED FOR CLINICAL USE. '
        f"What a pager and a mailbox would have received.</p>{board}"
        f"<ol>{rows}</ol></html>"
    )


def _row(item: Item) -> str:
    kind = escape(item.severity)
    return (
        f'<li class="{kind}"><b>{kind}</b> {escape(item.title)} '
        f"<small>{escape(item.channel)} <time>{item.at.astimezone():%H:%M:%S %Z}</time></small>"
        f"<pre>{escape(item.text)}</pre></li>"
    )
