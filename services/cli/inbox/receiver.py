"""Receives what the notifier sends: SMTP and signed webhooks, both on loopback."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Literal, Self

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks import Webhook, WebhookVerificationError

from services.cli.inbox.web import handler


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One message that arrived."""

    channel: Literal["webhook", "smtp"]
    id: str
    """Of the delivery: `webhook-id`, or the local part of Message-ID."""
    at: datetime
    title: str
    severity: str
    family: str = ""
    alert_id: str = ""
    text: str = ""
    raw: str = ""
    """Everything that arrived."""


class Inbox:
    """Both receivers and what they got. `secret` is the webhook's signing secret (`whsec_...`)."""

    def __init__(self, smtp_port: int, web_port: int, secret: str, board_url: str = "") -> None:
        self._lock = Lock()
        self._received: list[Received] = []
        self._webhook = Webhook(secret)
        self._smtp = Controller(_MailHandler(self), hostname="127.0.0.1", port=smtp_port)
        self._web = ThreadingHTTPServer(("127.0.0.1", web_port), handler(self, board_url))
        self._web.daemon_threads = True
        self._thread = Thread(target=self._web.serve_forever, args=(0.1,), name="inbox", daemon=True)

    def __enter__(self) -> Self:
        self._smtp.start()
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._smtp.stop()
        self._web.shutdown()
        self._web.server_close()
        self._thread.join()

    @property
    def web_port(self) -> int:
        """Where the page and the webhook are."""
        return int(self._web.server_address[1])

    def received(self) -> list[Received]:
        """All that arrived so far, in order of arrival; the same id may stand twice (a marked repeat)."""
        with self._lock:
            return list(self._received)

    def take_webhook(self, body: bytes, headers: dict[str, str]) -> bool:
        """Keep a webhook if its signature is right."""
        try:
            payload: dict[str, Any] = self._webhook.verify(body, headers)
        except WebhookVerificationError:
            return False
        data = payload["data"]
        summary = data.get("summary", {})
        self._keep(
            Received(
                channel="webhook",
                id=next(value for name, value in headers.items() if name.lower() == "webhook-id"),
                at=datetime.now(UTC),
                title=summary.get("en", payload["type"]),
                severity=data.get("severity", ""),
                family=data.get("family", ""),
                alert_id=data.get("alert_id", ""),
                text=f"{payload['type']}: {summary.get('sl', '')}",
                raw=body.decode("utf-8", "replace"),
            )
        )
        return True

    def take_mail(self, content: bytes) -> None:
        """Keep a mail."""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        subject = str(mail["Subject"])
        body = mail.get_body(("plain",))
        self._keep(
            Received(
                channel="smtp",
                id=str(mail["Message-ID"]).strip("<>").partition("@")[0],
                at=datetime.now(UTC),
                title=subject,
                severity=subject.partition("HALO ")[2].partition(" ")[0],
                alert_id=str(mail["X-Halo-Alert"]),
                text=body.get_content() if body else "",
                raw=content.decode("utf-8", "replace"),
            )
        )

    def _keep(self, received: Received) -> None:
        with self._lock:
            self._received.append(received)


class _MailHandler:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Called by aiosmtpd for each mail."""
        content = envelope.content
        self._inbox.take_mail(content if isinstance(content, bytes) else (content or "").encode())
        return "250 kept"
