"""Producer-to-committed results a second, as ratios in one run. `python -m tests.bench.bench_processor [REPORTS]`.

Three ways over the same records of 8 results: the processor with all rules; the same without rules; a bare loop that
decodes and upserts. Servers are embedded unless HALO_TEST_KAFKA and HALO_TEST_DATABASE name some.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaProducer

from schemas.codec import decode_event, encode_event
from schemas.patient_event import LabReport
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.topics import PATIENT_EVENTS
from tests.real import events, servers
from tests.real.events import key_of
from tests.real.ledgers import CHANNELS, one

PARTITIONS = 4
VALUES = {
    "ca": "9.{0}",
    "alb": "4.{0}",
    "creat": "8{0}",
    "hb": "12.{0}",
    "k": "4.{0}",
    "visc": "1.{0}",
    "ca_mmol": "2.{0}",
}
ROOT = Path(__file__).parents[2]


def produce(bootstrap: str, reports: int, patients: int) -> float:
    """Send everything; seconds it took."""
    began = time.monotonic()
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, **PRODUCER_DEFAULTS)
    for n in range(reports):
        values = {name: text.format((n * 7 + i) % 10) for i, (name, text) in enumerate(VALUES.items())}
        event = events.report(n % patients, values, hours=(n // patients - reports // patients) * 24)
        extra = event.results[0].__class__  # an eighth result: another sample of potassium
        eighth = [extra(**{f: getattr(event.results[4], f) for f in extra.__struct_fields__} | {"sub_id": "2"})]
        event = LabReport(
            **{f: getattr(event, f) for f in event.__struct_fields__} | {"results": (*event.results, *eighth)}
        )
        producer.send(PATIENT_EVENTS, encode_event(event), key=key_of(event))
    producer.flush()
    producer.close()
    return time.monotonic() - began


def processor(bootstrap: str, database: str, folder: Path, reports: int, module: str) -> tuple[float, float]:
    """Seconds from the worker's first committed event to the last, and its CPU seconds."""
    (folder / "channels.toml").write_text(CHANNELS)
    env = os.environ | {
        "HALO_KAFKA": bootstrap, "HALO_DATABASE": database, "HALO_DATA_DIR": str(folder), "HALO_METRICS_PORT": "0",
        "HALO_CONSUMER_GROUP": f"bench-{folder.name}", "HALO_PROCESSOR_INSTANCE": "bench",
        "HALO_CHANNELS": str(folder / "channels.toml"),
    }  # fmt: skip
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        while (first := one(database, "SELECT count(*) FROM source_message")) == 0:
            time.sleep(0.02)
        began = time.monotonic()
        while (count := one(database, "SELECT count(*) FROM source_message")) < reports:
            time.sleep(0.05)
        seconds = (time.monotonic() - began) * count / (count - first)
        cpu = psutil.Process(worker.pid).cpu_times()
        return seconds, cpu.user + cpu.system
    finally:
        worker.kill()
        worker.wait()


async def bare(bootstrap: str, database: str, reports: int) -> float:
    """Decode and upsert in batches, one transaction each, without meaning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, max_poll_records=256)
    await consumer.start()
    consumer.assign([TopicPartition(PATIENT_EVENTS, p) for p in range(PARTITIONS)])
    await consumer.seek_to_beginning()
    query = "INSERT INTO result_key (result_id, patient_id) SELECT gen_random_uuid(), n FROM unnest(%b::int8[], %b::text[]) AS r(n, v) ON CONFLICT DO NOTHING"
    seen, began = 0, 0.0
    async with await psycopg.AsyncConnection.connect(database) as conn:
        while seen < reports:
            batch = [
                record
                for records in (await consumer.getmany(timeout_ms=100, max_records=256)).values()
                for record in records
            ]
            began = began or (time.monotonic() if batch else 0.0)
            rows = [
                (1, str(r.value))
                for record in batch
                if isinstance(e := decode_event(record.value), LabReport)
                for r in e.results
            ]
            if rows:
                await conn.execute(query, [list(c) for c in zip(*rows, strict=True)])
                await conn.commit()
            seen += len(batch)
    await consumer.stop()
    return time.monotonic() - began


def main() -> None:
    reports = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with contextlib.ExitStack() as stack:
        bootstrap = servers.chosen_kafka() or stack.enter_context(servers.kafka()).bootstrap
        dsn = servers.chosen_postgres() or stack.enter_context(servers.postgres()).dsn()
        servers.make_template(dsn)
        servers.fresh_topics(bootstrap, PARTITIONS)
        produced = produce(bootstrap, reports, patients=max(reports // 10, 1))
        rates = {}
        for name, module in (("all rules", "services.processor.app"), ("without rules", "tests.bench.without_rules")):
            with servers.cloned_database(dsn) as database, tempfile.TemporaryDirectory() as folder:
                seconds, cpu = processor(bootstrap, database, Path(folder), reports, module)
                rates[name] = reports * 8 / seconds
                print(
                    f"{name:16} {rates[name]:9,.0f} results/s   {1000 * cpu / reports:6.2f} CPU s per 1,000 reports",
                    flush=True,
                )
        with servers.cloned_database(dsn) as database:
            rates["bare loop"] = reports * 8 / asyncio.run(bare(bootstrap, database, reports))
    print(f"{'bare loop':16} {rates['bare loop']:9,.0f} results/s")
    print(f"producer alone   {reports * 8 / produced:9,.0f} results/s")
    for name in ("without rules", "bare loop"):
        print(f"all rules / {name}: {rates['all rules'] / rates[name]:.2f}")


if __name__ == "__main__":
    main()
