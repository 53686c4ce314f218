"""TLS of the listener: its certificate, whose client certificates it takes, and how long they last.

A connection keeps the certificate it began with; new ones get the newest. Only TLS 1.2 and later.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from services.intake import metrics
from services.intake.settings import IntakeSettings
from services.intake.telling import Tell
from services.ledger.operations import Technical
from services.shared.certificates import not_after
from services.shared.log import get_logger

LOOK_SECONDS = 5.0
PAGE_BEFORE = timedelta(days=7)
KIND = "certificate_ends"
FAULTY = "certificate_faulty"

logger = get_logger()


class TlsUnusable(ValueError):
    """The settings or files of TLS cannot be used; the text says which and what to do."""


def make_context(settings: IntakeSettings) -> ssl.SSLContext | None:
    """None without TLS. TlsUnusable names the file and the mistake."""
    certificate, key = settings.mllp_tls_certificate, settings.mllp_tls_key
    if certificate is None:
        _without(settings)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or certificate, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TlsUnusable(f"HALO_MLLP_TLS_CERTIFICATE {certificate} with key {key or certificate}: {error}") from error
    _ask_clients(context, settings)
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a pass phrase, readable by Halo's user only")


def _without(settings: IntakeSettings) -> None:
    if settings.mllp_tls_key or settings.mllp_tls_client_ca or settings.mllp_tls_clients != "none":
        raise TlsUnusable("HALO_MLLP_TLS_* is set, but no HALO_MLLP_TLS_CERTIFICATE: name the server's certificate")


def _ask_clients(context: ssl.SSLContext, settings: IntakeSettings) -> None:
    authority = settings.mllp_tls_client_ca
    if settings.mllp_tls_clients == "none":
        return
    if authority is None:
        raise TlsUnusable("HALO_MLLP_TLS_CLIENTS asks for certificates: name who issues them, HALO_MLLP_TLS_CLIENT_CA")
    try:
        context.load_verify_locations(authority)
    except (OSError, ValueError) as error:
        raise TlsUnusable(f"HALO_MLLP_TLS_CLIENT_CA {authority}: {error}") from error
    context.verify_mode = ssl.CERT_REQUIRED if settings.mllp_tls_clients == "required" else ssl.CERT_OPTIONAL


class TlsWatch:
    """Reads the files again when they change; faulty new ones change nothing and are told."""

    def __init__(
        self, settings: IntakeSettings, renew: Callable[[ssl.SSLContext], Awaitable[None]], tell: Tell
    ) -> None:
        self._settings, self._renew, self._tell = settings, renew, tell
        named = (settings.mllp_tls_certificate, settings.mllp_tls_key, settings.mllp_tls_client_ca)
        self._files = tuple(path for path in named if path is not None)
        self._seen = self._look()
        self._said: set[str] = set()

    def _look(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_mark(path) for path in self._files)

    async def watch(self, now: Callable[[], datetime]) -> None:
        """For ever; returns at once where there is no TLS."""
        while self._files:
            self._check_ends(now())
            await asyncio.sleep(LOOK_SECONDS)
            if (found := self._look()) != self._seen:
                self._seen = found
                await self.read_again()

    async def read_again(self) -> None:
        """New connections get what the files hold now."""
        try:
            context = make_context(self._settings)
        except TlsUnusable as error:
            logger.warning("tls.files_faulty", error=str(error))
            self._tell(_faulty(error, self._seen))
            return
        if context is not None:
            await self._renew(context)
            logger.info("tls.renewed", certificate=str(self._settings.mllp_tls_certificate))

    def _check_ends(self, now: datetime) -> None:
        uses = {"mllp_server": self._settings.mllp_tls_certificate, "mllp_client_ca": self._settings.mllp_tls_client_ca}
        for use, path in uses.items():
            if path is not None:
                self._check_end(use, path, now)

    def _check_end(self, use: str, path: Path, now: datetime) -> None:
        try:
            ends = not_after(path)
        except (OSError, ValueError) as error:  # what is in use was read; this one is told when it is taken up
            logger.warning("tls.end_unknown", use=use, error=str(error))
            return
        metrics.CERTIFICATE_ENDS.labels(use).set(ends.timestamp())
        if ends - now < PAGE_BEFORE:
            self._told(_ending(use, path, ends, ended=ends <= now))

    def _told(self, fault: Technical) -> None:
        """Once a process: the same again would only count."""
        if fault.key not in self._said:
            self._said.add(fault.key)
            self._tell(fault)


def _ending(use: str, path: Path, ends: datetime, *, ended: bool) -> Technical:
    what = "has ended: senders cannot connect" if ended else "ends soon: then no sender can connect"
    what_sl = "je poteklo: pošiljatelji se ne morejo povezati" if ended else "kmalu poteče: povezav potem ne bo"
    until = f"{ends.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return Technical(
        key=f"{KIND}:{use}:{ends:%Y-%m-%dT%H:%M}:{ended}", kind=KIND,
        detail=f"the certificate {use} ({path}) {what}; {until}. Replace the file",
        detail_sl=f"potrdilo {use} ({path}) {what_sl}; {until}. Zamenjajte datoteko",
    )  # fmt: skip


def _faulty(error: Exception, files: object) -> Technical:
    """One alert for each state of the files."""
    key = f"{FAULTY}:{sha256(repr(files).encode()).hexdigest()[:12]}"
    detail = f"intake keeps the certificates it had: the new ones cannot be used. {error}"
    detail_sl = f"sprejem ohranja prejšnja potrdila: novih ni mogoče uporabiti. {error}"
    return Technical(key=key, kind=FAULTY, detail=detail, detail_sl=detail_sl)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
