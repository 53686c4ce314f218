"""TLS of the FHIR listener: its certificate, renewed when the files change; connections keep what they began with."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from services.intake import metrics
from services.intake.fhir.settings import FhirSettings
from services.intake.listening import is_loopback
from services.intake.telling import Tell
from services.intake.tls import FAULTY, KIND, LOOK_SECONDS, PAGE_BEFORE, TlsUnusable
from services.ledger.operations import Technical
from services.shared.certificates import not_after
from services.shared.log import get_logger

USE = "fhir_server"
LOOPBACK = "127.0.0.1"

logger = get_logger()


class FhirTls:
    """`context` is None without TLS. Run `keep` beside the listener. TlsUnusable at start says what to do."""

    def __init__(self, settings: FhirSettings, tell: Tell, now: Callable[[], datetime]) -> None:
        self._certificate = settings.fhir_tls_certificate
        self._key = settings.fhir_tls_key or self._certificate
        self._tell, self._now, self._told = tell, now, ""
        self._seen = self._look()
        self.context = self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) if self._certificate else None

    async def keep(self) -> None:
        """For ever; returns at once without TLS."""
        while self.context is not None:
            self._check_end()
            await asyncio.sleep(LOOK_SECONDS)
            if (found := self._look()) != self._seen:
                self._seen = found
                self._renew(self.context)

    def _load(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(str(self._certificate), str(self._key), password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            text = f"HALO_FHIR_TLS_CERTIFICATE {self._certificate} with key {self._key}: {error}"
            raise TlsUnusable(text) from error
        return context

    def _renew(self, context: ssl.SSLContext) -> None:
        """Tried apart first: a certificate without its key must not take the place of a good pair."""
        try:
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(context)
        except TlsUnusable as error:
            logger.error("tls.files_faulty", error=str(error))  # noqa: TRY400 - the text says it all
            detail = f"intake keeps the certificate of FHIR that it had: the new one cannot be used. {error}"
            self._tell(Technical(key=f"{FAULTY}:{USE}", kind=FAULTY, detail=detail))
        else:
            logger.info("tls.renewed", certificate=str(self._certificate))

    def _check_end(self) -> None:
        path = self._certificate
        try:
            ends = not_after(path) if path is not None else None
        except (OSError, ValueError) as error:  # what is in use was read; this one is told when it is taken up
            logger.warning("tls.end_unknown", use=USE, error=str(error))
            return
        if ends is None:
            return
        metrics.CERTIFICATE_ENDS.labels(USE).set(ends.timestamp())
        key = f"{KIND}:{USE}:{ends:%Y-%m-%d}"
        if ends - self._now() < PAGE_BEFORE and key != self._told:
            self._told = key
            detail = f"the certificate {USE} ({path}) ends at {ends.astimezone(UTC):%Y-%m-%d %H:%M}Z. Replace the file"
            self._tell(Technical(key=key, kind=KIND, detail=detail))

    def _look(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_mark(path) for path in (self._certificate, self._key) if path is not None)


def address(settings: FhirSettings) -> str:
    """Where to listen: without TLS on loopback only, or tokens could be read on the way; unless a proxy does it."""
    if is_loopback(settings.bind) or settings.fhir_tls_certificate is not None or settings.fhir_insecure:
        return settings.bind
    advice = "name HALO_FHIR_TLS_CERTIFICATE and HALO_FHIR_TLS_KEY, or HALO_FHIR_INSECURE=true behind a proxy"
    logger.warning("fhir.loopback_only", wanted=settings.bind, advice=advice)
    return LOOPBACK


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a pass phrase, readable by Halo's user only")


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
