"""One message: read, and judged by the site file; what comes of it as records for Kafka. Takes no time of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.intake.admitting import Verdict, admit
from services.intake.framing import HEAD_LIMIT
from services.intake.origin import Origin
from services.intake.records import MAX_VALUE_BYTES, Record, to_record
from services.intake.settings import IntakeSettings
from services.mapping.site import Site
from services.reading import hl7v2
from services.reading.adt import DISPOSITIONS
from services.reading.header import Header
from services.reading.limits import too_fine
from services.reading.outcome import Outcome, Refusal
from services.reading.refusing import refuse
from services.reading.source import make_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as received; of one that is too large, its start with the true size and sha256."""

    data: bytes
    size: int
    origin: Origin
    too_large_sha256: str = ""
    too_many: int = 0
    """Messages in the frame, where there are more than are taken at once; `data` is then the whole frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What must be stored, and what follows for the answer."""

    outcome: Outcome
    verdict: Verdict
    records: tuple[Record, ...]
    size: int


class Judge:
    """Holds the settings and the site in force; safe to use from several threads."""

    def __init__(self, settings: IntakeSettings, site: Callable[[], Site], now: Callable[[], datetime]) -> None:
        self._settings, self._site, self._now = settings, site, now

    def judge(self, message: Message) -> Judged:
        """Never raises for any bytes."""
        site = self._site()
        received_at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        outcome = self._read(message, received_at, site)
        verdict = admit(site, outcome, message.origin)
        if verdict.refusal is not None:
            outcome = _refused(verdict.refusal, message, received_at, outcome.header)
        elif verdict.ignored:
            outcome = Outcome(ignored=hl7v2.IGNORED_TYPE, header=outcome.header)
        records = tuple(to_record(event) for event in outcome.events)
        if any(len(record.value) > MAX_VALUE_BYTES for record in records):
            outcome = _refused(self._too_large(message.size), message, received_at, outcome.header)
            records = tuple(to_record(event) for event in outcome.events)
        return Judged(outcome=outcome, verdict=verdict, records=records, size=message.size)

    def all(self, messages: Sequence[Message]) -> list[Judged]:
        """One after the other."""
        return [self.judge(message) for message in messages]

    def _read(self, message: Message, received_at: str, site: Site) -> Outcome:
        charset = self._charset(message.data, site)
        if refusal := self._never(message):
            header = hl7v2.header_of(_head(message.data), charset)
            return _refused(refusal, message, received_at, header)
        return hl7v2.read(
            message.data, received_at, peer=message.origin.address, default_charset=charset, choose=site.patient_id,
            dispositions={**DISPOSITIONS, **site.file.discharge},
        )  # fmt: skip

    def _charset(self, data: bytes, site: Site) -> str:
        """The sender's own, which is only known by reading MSH first: done where any sender has one."""
        default = self._settings.mllp_charset
        if not any(sender.charset for sender in site.senders):
            return default
        header = hl7v2.header_of(_head(data), default)
        sender = site.sender(header.sender) if header else None
        return (sender.charset if sender else "") or default

    def _never(self, message: Message) -> Refusal | None:
        if message.too_large_sha256:
            return self._too_large(message.size)
        if message.too_many:
            limit = self._settings.mllp_batch_messages
            text = f"{message.too_many} messages in one batch; send at most {limit} at once"
            return Refusal(reason="too_many_messages", text=text)
        return too_fine(message.data)

    def _too_large(self, size: int) -> Refusal:
        limit = self._settings.mllp_max_message_bytes
        text = f"the message has {size} bytes; at most {limit} are taken, send its documents elsewhere"
        return Refusal(reason="too_large", text=text)


def _head(data: bytes) -> bytes:
    """The start of the first message, behind any batch envelope."""
    at = max(data.find(b"MSH", 0, HEAD_LIMIT), 0)
    return data[at : at + HEAD_LIMIT]


def _refused(refusal: Refusal, message: Message, received_at: str, header: Header | None) -> Outcome:
    source = make_source(
        message.data, received_at, peer=message.origin.address, header=header, digest=message.too_large_sha256
    )
    return refuse(refusal, message.data, source, header)
