"""Intake on a real broker: what is answered is stored, and what cannot be stored is not answered."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic

import pytest
from kafka import KafkaConsumer, TopicPartition

from infra.embedded.kafka import EmbeddedKafka
from schemas.codec import decode_event
from schemas.patient_event import Absent, Event, LabReport, Refused
from services.intake.app import run
from services.intake.mllp import MllpServer
from services.intake.producer import EventProducer
from services.intake.settings import IntakeSettings
from services.reading.batches import split
from services.shared.mllp_client import Acknowledgement, MllpClient, NoAnswer, acknowledgements
from tests.conftest import Topics

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "hl7v2"
MSH = r"MSH|^~\&|LIS|LAB|HALO|HOSP|20260301100500+0100||ORU^R01^ORU_R01|{id}|P|2.5.1||||||{charset}"
GROUP = "PID|1||{patient}^^^HOSP||Izmišljena^Oseba|\rOBR|1||F1|BIO|||20260301093000+0100\rOBX|1|NM|17861-6^Calcium^LN||2.40|mmol/L|||||F\r"

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def report(*, id: str = "C1", patient: str = "1", charset: str = "", codec: str = "utf-8", extra: str = "") -> bytes:
    return (MSH.format(id=id, charset=charset) + "\r" + GROUP.format(patient=patient) + extra).encode(codec)


@dataclass(frozen=True, kw_only=True)
class Intake:
    port: int
    bootstrap: str

    def client(self, **options: float) -> MllpClient:
        return MllpClient(port=self.port, **options)  # type: ignore[arg-type]

    async def send(self, message: bytes, **options: float) -> list[Acknowledgement]:
        def once() -> list[Acknowledgement]:
            with self.client(**options) as client:
                return acknowledgements(client.send(message))

        return await asyncio.to_thread(once)

    async def deliver(self, message: bytes) -> list[Acknowledgement]:
        """As a sender does that sends again after a lost connection."""

        def patiently() -> list[Acknowledgement]:
            with self.client(patience=40) as client:
                return acknowledgements(client.deliver(message))

        return await asyncio.to_thread(patiently)

    async def stored(self) -> list[Event]:
        return [event for event, _ in await self.records()]

    async def records(self) -> list[tuple[Event, object]]:
        return await asyncio.to_thread(lambda: list(_records(self.bootstrap)))


def _records(bootstrap: str) -> Iterator[tuple[Event, object]]:
    """Everything in the topic now."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, fetch_max_bytes=64 << 20, max_partition_fetch_bytes=32 << 20)
    with closing(consumer):
        topic = "patient-events.v1"
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        deadline = monotonic() + 30
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert monotonic() < deadline, "the topic could not be read to its end"
            for records in consumer.poll(500).values():
                for record in records:
                    yield decode_event(record.value), record


@asynccontextmanager
async def intake(bootstrap: str, monkeypatch: pytest.MonkeyPatch, **settings: object) -> AsyncIterator[Intake]:
    """The process's own composition, in this loop."""
    listening: asyncio.Future[MllpServer] = asyncio.get_running_loop().create_future()
    start = MllpServer.start

    async def noted(server: MllpServer) -> None:
        await start(server)
        listening.set_result(server)

    monkeypatch.setattr(MllpServer, "start", noted)
    stopping = asyncio.Event()
    chosen = IntakeSettings(kafka=bootstrap, mllp_port=0, metrics_port=0, **settings)  # type: ignore[arg-type]
    task = asyncio.create_task(run(chosen, stopping))
    await asyncio.wait([listening, task], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield Intake(port=listening.result().port, bootstrap=bootstrap)
    finally:
        stopping.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def running(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Intake]:
    async with intake(topics.bootstrap, monkeypatch) as started:
        yield started


async def test_a_report_is_stored_under_its_patient_before_it_is_answered(running: Intake) -> None:
    message = report()
    assert await running.send(message) == [Acknowledgement(code="AA", control_id="C1", text="")]
    ((event, record),) = await running.records()
    assert isinstance(event, LabReport)
    assert (event.raw, event.source.peer) == (message, "127.0.0.1")
    assert record.key == b"HOSP|1"  # type: ignore[attr-defined]
    headers = dict(record.headers)  # type: ignore[attr-defined]
    assert headers["ce_id"] == event.event_id.encode()
    assert headers["ce_type"] == b"halo.lab_report.v1"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert headers["traceparent"].startswith(b"00-")


async def test_a_message_sent_again_has_the_same_event_id(running: Intake) -> None:
    for _ in range(2):
        assert (await running.send(report()))[0].code == "AA"
    first, second = await running.stored()
    assert isinstance(first, LabReport)
    assert isinstance(second, LabReport)
    assert first.event_id == second.event_id


@pytest.mark.parametrize("charset", [("UNICODE UTF-8", "utf-8"), ("8859/1", "iso-8859-1"), ("8859/2", "iso-8859-2")])
async def test_names_arrive_intact(running: Intake, charset: tuple[str, str]) -> None:
    declared, codec = charset
    name = "Müller" if codec == "iso-8859-1" else "Šček"
    message = report(charset=declared).decode().replace("Izmišljena", name).encode(codec)
    assert (await running.send(message))[0].code == "AA"
    (event,) = await running.stored()
    assert isinstance(event, LabReport)
    assert event.patient.family == name


async def test_a_byte_order_mark_is_tolerated(running: Intake) -> None:
    assert (await running.send(b"\xef\xbb\xbf" + report()))[0].code == "AA"
    (event,) = await running.stored()
    assert isinstance(event, LabReport)
    assert event.patient.family == "Izmišljena"


async def test_an_8_mb_document_is_taken_and_not_copied_into_the_result(running: Intake) -> None:
    document = "OBX|2|ED|PDF^Report^L||^application^pdf^Base64^" + "JVBERi0x" * (1024 * 1024) + "||||||F\r"
    message = report(extra=document)
    assert (await running.send(message, timeout=30))[0].code == "AA"
    (event,) = await running.stored()
    assert isinstance(event, LabReport)
    assert event.raw == message
    assert event.results[1].value == Absent(reason="document")


async def test_nul_bytes_are_kept_in_the_message_and_unreadable_in_its_texts(running: Intake) -> None:
    """A text with a NUL is none that PostgreSQL stores; the bytes stay as they came."""
    message = report(extra="NTE|1||a\0b\r")
    assert (await running.send(message))[0].code == "AA"
    (event,) = await running.stored()
    assert isinstance(event, LabReport)
    assert event.raw == message
    assert event.results[0].comments == ("a\ufffdb",)


async def test_what_can_never_be_taken_is_recorded_before_ar(running: Intake) -> None:
    (answer,) = await running.send(report().replace(b"1^^^HOSP", b""))
    assert (answer.code, answer.control_id) == ("AR", "C1")
    assert "PID-3" in answer.text
    (event,) = await running.stored()
    assert isinstance(event, Refused)
    assert event.reason.startswith("no_patient_id")


async def test_garbage_half_frames_and_a_batch_on_one_connection(running: Intake) -> None:
    batch = b"FHS|^~\\&\rBHS|^~\\&\r" + report(id="B1") + report(id="B2", patient="2") + b"BTS|2\rFTS|1\r"
    stream = (
        b"\x00\xffgarbage\x0bMSH|half a frame\r\x0b"
        + report(id="A1")
        + b"\x1c\r--\x0b"
        + batch
        + b"\x1c\r\x0bno hl7\x1c"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(stream)
    frames = [await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10) for _ in range(3)]
    answers = [acknowledgements(frame.strip(b"\x0b\x1c\r") + b"\r") for frame in frames]
    assert [[(one.code, one.control_id) for one in answer] for answer in answers] == [
        [("AA", "A1")],
        [("AA", "B1"), ("AA", "B2")],
        [("AR", "")],
    ]
    writer.close()
    await writer.wait_closed()
    assert sorted(type(event).__name__ for event in await running.stored()) == ["LabReport"] * 3 + ["Refused"]


async def test_too_large_is_refused_and_recorded_with_its_true_hash(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with intake(topics.bootstrap, monkeypatch, mllp_max_message_bytes=100_000) as started:
        message = report(extra="NTE|1||" + "x" * 300_000 + "\r")
        (answer,) = await started.send(message)
        assert (answer.code, answer.control_id) == ("AR", "C1")
        assert "at most 100000" in answer.text
        assert (await started.send(report(id="C2")))[0].code == "AA"
        refused = next(event for event in await started.stored() if isinstance(event, Refused))
        assert refused.source.sha256 == sha256(message).hexdigest()
        assert len(refused.raw) == 64 * 1024


async def test_text_that_swells_past_a_record_is_refused_not_retried(running: Intake) -> None:
    message = report(extra="OBX|2|TX|X^x^L||" + "\x01" * (5 * 1024 * 1024) + "||||||F\r")
    (answer,) = await running.send(message, timeout=30)
    assert answer.code == "AR"
    (event,) = await running.stored()
    assert isinstance(event, Refused)
    assert event.reason.startswith("too_large")


async def test_fifty_senders_are_served_while_one_is_silent_and_one_is_slow(running: Intake) -> None:
    silent = await asyncio.open_connection("127.0.0.1", running.port)
    slow = await asyncio.open_connection("127.0.0.1", running.port)
    slow[1].write(b"\x0bMSH|")
    answers = await asyncio.gather(*(running.send(report(id=f"C{n}", patient=str(n))) for n in range(50)))
    assert [answer[0].code for answer in answers] == ["AA"] * 50
    assert len(await running.stored()) == 50
    for _, writer in (silent, slow):
        writer.close()
        await writer.wait_closed()


async def test_one_connection_more_than_allowed_is_turned_away(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    async with intake(topics.bootstrap, monkeypatch, mllp_connections=1) as started:
        _, writer = await asyncio.open_connection("127.0.0.1", started.port)
        await asyncio.sleep(0.1)
        with pytest.raises(OSError):
            await started.send(report())
        writer.close()
        await writer.wait_closed()


async def test_a_frame_that_does_not_go_on_is_given_up(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    async with intake(topics.bootstrap, monkeypatch, mllp_frame_seconds=0.2) as started:
        reader, writer = await asyncio.open_connection("127.0.0.1", started.port)
        writer.write(b"\x0bMSH|")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


async def test_without_kafka_the_connection_closes_unanswered_and_sending_again_gets_aa(
    kafka_server: EmbeddedKafka, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kafka_server.bootstrap == topics.bootstrap, "this test stops the broker; run it on the embedded one"
    async with intake(topics.bootstrap, monkeypatch) as started:
        assert (await started.send(report(id="before")))[0].code == "AA"
        await asyncio.to_thread(kafka_server.kill)
        stopped = monotonic()
        try:
            for message in (report(id="C1"), report(id="C2").replace(b"1^^^HOSP", b"")):
                with pytest.raises(NoAnswer):
                    await started.send(message)
            assert 7.5 <= monotonic() - stopped <= 12, "each message is held for 4 s"
        finally:
            kafka_server.start()  # in this thread: the broker ends with the thread that started it
        (answer,) = await started.deliver(report(id="C1"))
        assert (answer.code, answer.control_id) == ("AA", "C1")
        ids = [event.source.message_id for event in await started.stored() if isinstance(event, LabReport)]
        assert "C1" in ids
        assert "before" in ids


@pytest.mark.parametrize("code", ["AE", "AR"])
async def test_a_sender_may_be_answered_instead_when_kafka_is_away(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    async with intake("127.0.0.1:1", monkeypatch, mllp_hold_seconds=0.3, mllp_on_unavailable=code) as started:
        (answer,) = await started.send(report())
        assert (answer.code, answer.text) == (code, "cannot be stored at the moment; send it again")


async def test_each_sender_is_answered_in_its_own_way_when_kafka_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site.toml"
    entry = '[[sender]]\nname = "{0}"\napplication = "{0}"\nfacility = "LAB"\n{1}\n'
    ways = {
        "PLAIN": "",
        "ONE": 'on_unavailable = "AE"',
        "TWO": 'on_unavailable = "AR"',
        "SHUT": 'on_unavailable = "close"',
    }
    site.write_text("".join(entry.format(name, way) for name, way in ways.items()))
    chosen = {"mllp_hold_seconds": 0.3, "mllp_on_unavailable": "AE", "site": site}
    async with intake("127.0.0.1:1", monkeypatch, **chosen) as started:
        codes = {name: (await started.send(report().replace(b"LIS", name.encode())))[0].code for name in list(ways)[:3]}
        assert codes == {"PLAIN": "AE", "ONE": "AE", "TWO": "AR"}
        with pytest.raises(NoAnswer):
            await started.send(report().replace(b"LIS", b"SHUT"))


async def test_readiness_tells_the_truth_about_kafka(kafka_bootstrap: str, topics: Topics) -> None:
    for bootstrap, ready in (("127.0.0.1:1", False), (topics.bootstrap, True)):
        producer = EventProducer(bootstrap, budget=1 << 20)
        keeping = asyncio.create_task(producer.keep())
        deadline = monotonic() + 5
        while bool(producer.problems()) == ready and monotonic() < deadline:  # noqa: ASYNC110 - as a probe asks
            await asyncio.sleep(0.05)
        assert (not producer.problems()) is ready
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await producer.stop()


async def test_draining_answers_what_was_taken(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    async with intake(topics.bootstrap, monkeypatch) as started:
        reader, writer = await asyncio.open_connection("127.0.0.1", started.port)
        writer.write(b"".join(b"\x0b" + report(id=f"D{n}") + b"\x1c\r" for n in range(5)))
        await asyncio.sleep(0.05)
    answered = acknowledgements((await reader.read()).replace(b"\x0b", b"").replace(b"\x1c", b""))
    assert [one.control_id for one in answered] == [f"D{n}" for n in range(len(answered))]
    stored = {event.source.message_id for event in await started.stored() if isinstance(event, LabReport)}
    assert {one.control_id for one in answered} <= stored
    writer.close()


async def test_the_samples_of_others_are_each_answered(running: Intake) -> None:
    if not SAMPLES.is_dir():
        warnings.warn(f"the sample messages are absent ({SAMPLES}): nothing to try", pytest.PytestWarning, stacklevel=1)
    files = sorted(SAMPLES.glob("*"))
    for path in files:
        data = path.read_bytes()
        answers = await running.send(data)
        assert [answer.code for answer in answers] in (["AA"] * len(split(data)), ["CA"] * len(split(data))), path.name
    reports = [event for event in await running.stored() if isinstance(event, LabReport)]
    assert len(reports) == sum(len(split(path.read_bytes())) for path in files)
    for event in reports:
        for result in event.results:
            where = result.where
            assert event.raw[where.offset : where.offset + where.length].startswith(b"OBX")
