"""One request: read, stored, answered. The order is the promise: nobody hears "stored" before the broker confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from schemas.patient_event import Source
from services.intake.fhir import metrics, outcomes
from services.intake.fhir.body import Body
from services.intake.fhir.outcomes import Answer
from services.intake.fhir.settings import FhirSettings
from services.intake.records import MAX_VALUE_BYTES, Record, to_record
from services.intake.taking import Producer
from services.mapping.site import Sender, Site
from services.reading.fhir.faults import Fault
from services.reading.fhir.naming import Naming
from services.reading.fhir.reading import Reading
from services.reading.fhir.taking_in import read, refuse
from services.shared.log import get_logger

IN_A_THREAD = 128 * 1024
"""Larger bodies are read beside the loop, so that they keep nobody waiting."""
AT_ONCE = 2
"""So many of those at the same time: each takes some times its size while it is read."""
TOO_LARGE = 413

logger = get_logger()


class FhirTaker:
    """Takes bodies of any sender; holds no state of its own between them."""

    def __init__(
        self, settings: FhirSettings, producer: Producer, now: Callable[[], datetime], site: Callable[[], Site]
    ) -> None:
        self._settings, self._producer, self._now, self._site = settings, producer, now, site
        self._large = asyncio.Semaphore(AT_ONCE)

    async def take(
        self, body: Body, sender: str, peer: str, *, resource_type: str = "", resource_id: str = ""
    ) -> Answer:
        """The answer to one request; `resource_type` and `resource_id` are those of its address."""
        naming = naming_of(self._site(), sender)
        if body.too_large:
            return await self._refused(self._too_large(body, naming, peer), TOO_LARGE, "too-long")
        received = self._received()

        def work() -> tuple[Reading, list[Record]]:
            found = read(
                body.data, received, naming=naming, peer=peer, resource_type=resource_type, resource_id=resource_id
            )
            return found, [to_record(event) for event in found.events]

        if len(body.data) > IN_A_THREAD:
            try:
                async with asyncio.timeout(self._settings.fhir_hold_seconds):
                    await self._large.acquire()
            except TimeoutError:
                return outcomes.failure(503, "transient", "too many large requests at once", retry_after="5")
            try:
                reading, records = await asyncio.to_thread(work)
            finally:
                self._large.release()
        else:
            reading, records = work()
        if any(len(record.value) > MAX_VALUE_BYTES for record in records):
            return await self._refused(self._too_large(body, naming, peer), TOO_LARGE, "too-long")
        confirmed = await self._store(records)
        if not _holds(confirmed, records):
            return self._unavailable(reading, confirmed)
        return self._answer(reading, created=not resource_id)

    async def refuse_deletion(self, address: str, sender: str, peer: str) -> Answer:
        """DELETE says that a resource is gone, not that the result was wrong: recorded, and nothing is withdrawn."""
        text = "nothing is deleted here; send the resource again with status entered-in-error or cancelled"
        fault = Fault(code="not-supported", text=text)
        data = f"DELETE {address}".encode()
        reading = refuse(fault, "deletion", data, self._source(naming_of(self._site(), sender), peer, data.hex()))
        return await self._refused(reading, 405, "not-supported")

    def _too_large(self, body: Body, naming: Naming, peer: str) -> Reading:
        limit = self._settings.fhir_max_body_bytes
        text = f"the request has {body.size} bytes or more; at most {limit} are taken, send its documents elsewhere"
        source = self._source(naming, peer, body.sha256)
        return refuse(Fault(code="too-long", text=text), "too_large", body.data, source)

    def _source(self, naming: Naming, peer: str, digest: str) -> Source:
        return Source(
            format="fhir", sender=naming.sender, received_at=self._received(), peer=peer, sha256=digest,
            raw_sha256=digest,
        )  # fmt: skip

    def _received(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def _store(self, records: list[Record]) -> frozenset[str]:
        """The ids of events that the broker confirmed in time: all of them, unless it is away."""
        tasks = {asyncio.create_task(self._producer.deliver([record])): record.event_id for record in records}
        if not tasks:
            return frozenset()
        try:
            done, late = await asyncio.wait(tasks, timeout=self._settings.fhir_hold_seconds)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            task.result()  # a fault of ours is not "away": it is said as one
        return frozenset(tasks[task] for task in done)

    async def _refused(self, reading: Reading, status: int, code: str) -> Answer:
        records = [to_record(event) for event in reading.events]
        if not _holds(await self._store(records), records):
            return self._unavailable(reading, frozenset())
        metrics.ENTRIES.labels("refused").inc()
        return outcomes.failure(status, code, reading.faults[0].text)

    def _unavailable(self, reading: Reading, confirmed: frozenset[str]) -> Answer:
        metrics.ENTRIES.labels("unavailable").inc(max(1, len(reading.entries)))
        logger.warning("fhir.not_taken_now", entries=len(reading.entries), confirmed=len(confirmed))
        return outcomes.unavailable(reading, confirmed)

    def _answer(self, reading: Reading, *, created: bool) -> Answer:
        for entry in reading.entries:
            metrics.ENTRIES.labels("refused" if entry.faults else "ignored" if entry.ignored else "stored").inc()
        if reading.faults:
            metrics.ENTRIES.labels("refused").inc()
        if reading.refused:
            codes = sorted({fault.code for fault in reading.all_faults})
            logger.info("fhir.refused", type=metrics.type_label(reading.type), codes=codes)
            return outcomes.refusal(reading)
        return outcomes.taken(reading, created=created)


def _holds(confirmed: frozenset[str], records: list[Record]) -> bool:
    """Whether all was confirmed: the same said twice in a request, as of two patients by both, is one event."""
    return all(record.event_id in confirmed for record in records)


def naming_of(site: Site, sender: str) -> Naming:
    """What the site file says of the sender whose token it is."""
    found = sender_of(site, sender)
    return Naming(
        sender=sender,
        laboratory=found.facility if found else "",
        systems=site.file.identifier.systems,
        choose=site.patient_id,
    )


def sender_of(site: Site, sender: str) -> Sender | None:
    """The `[[sender]]` of that name."""
    return next((one for one in site.senders if one.name == sender), None)
