"""E-mail. Beyond loopback the connection must be encrypted (STARTTLS, or `smtps://`)."""

from __future__ import annotations

import ipaddress
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib

from services.notifier.channels.message import Handover, Message
from services.notifier.channels.text import mail_text, subject
from services.shared.channels import Channel


class SmtpSender:
    """Hands a message to a mail server; its 250 is the hand-over."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def send(self, message: Message, channel: Channel, secret: str) -> Handover:
        """Try once."""
        try:
            _, answer = await aiosmtplib.send(_mail(message, channel), **self._connection(channel, secret))
        except aiosmtplib.SMTPTimeoutError as error:
            return Handover(outcome="timed_out", detail=str(error)[:200])
        except aiosmtplib.SMTPResponseException as error:
            return Handover(outcome="refused", detail=f"{error.code} {error.message}"[:200])
        except aiosmtplib.SMTPRecipientsRefused as error:
            return Handover(outcome="refused", detail=f"{error.recipients[0].code} recipient refused")
        except (aiosmtplib.SMTPException, OSError) as error:
            return Handover(outcome="unreachable", detail=f"{type(error).__name__}: {error}"[:200])
        return Handover(outcome="handed_over", detail=answer[:200])

    def _connection(self, channel: Channel, secret: str) -> dict[str, Any]:
        server = urlsplit(channel.address)
        host = server.hostname or ""
        user, _, password = secret.partition(":")
        tls = server.scheme == "smtps"
        return {
            "hostname": host,
            "port": server.port or (465 if tls else 25),
            "use_tls": tls,
            "start_tls": None if tls or _loopback(host) else True,
            "username": user or None,
            "password": password or None,
            "timeout": self._timeout,
        }


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mail(message: Message, channel: Channel) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = channel.sender
    mail["To"] = channel.recipient
    mail["Subject"] = subject(message, channel.language)
    mail["Message-ID"] = f"<{message.id}@halo>"
    mail["Date"] = message.created_at
    mail["X-Halo-Alert"] = str(message.body.get("alert_id", ""))
    mail["X-Halo-Alert-Version"] = str(message.body.get("version", ""))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(mail_text(message, channel.language))
    return mail
