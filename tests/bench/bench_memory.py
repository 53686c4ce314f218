"""Memory of a worker over ever more patients: `python -m tests.bench.bench_memory [--patients 100000]`.

One report a made-up patient goes through a ledger on an embedded PostgreSQL; resident memory is printed at each power of
ten. The cache of patients is bounded by a setting, so the figure must level off.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
import time
from pathlib import Path

import psutil

from tests.real import events, servers
from tests.real.ledgers import ledger

BATCH = 256
CACHED = 5000
VALUES = {"ca_mmol": "2.4", "alb": "4.0", "creat": "90", "hb": "12.1", "k": "4.4"}


async def fill(database: str, folder: Path, patients: int) -> None:
    """One report each, in batches, a line at each power of ten."""
    store = ledger(database, folder, cached=CACHED)
    process, began = psutil.Process(os.getpid()), time.monotonic()
    marks = {10**power for power in range(3, 8)} | {patients}
    for start in range(0, patients, BATCH):
        stop = min(start + BATCH, patients)
        batch = events.records(*(events.report(number, VALUES) for number in range(start, stop)), start=start)
        await store.store(batch)
        for mark in sorted(mark for mark in marks if start < mark <= stop):
            gc.collect()
            resident = process.memory_info().rss / 1024 / 1024
            print(f"{mark:>9,} patients  {resident:7.1f} MiB resident  {time.monotonic() - began:6.1f} s", flush=True)
    await store.close()


def main() -> None:
    """Start the server, fill, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    arguments = parser.parse_args()
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        servers.make_template(server.dsn())
        with servers.cloned_database(server.dsn()) as database:
            asyncio.run(fill(database, Path(folder), arguments.patients))


if __name__ == "__main__":
    main()
