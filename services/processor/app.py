"""The processor: Faust reads `patient-events.v1`, the ledger stores and evaluates.

Run as `python -m services.processor.app`.

No tables, no web, raw bytes, one writer; truth and offsets are in Postgres.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from services.ledger.opening import open_ledger
from services.ledger.record import StreamName
from services.processor.assignment import Assignment
from services.processor.pump import Pump
from services.processor.settings import ProcessorSettings
from services.processor.state import State
from services.processor.transport import LedgerTransport
from services.processor.watch import Watch, end_after
from services.shared import collecting, log, metrics
from services.shared.kafka import MAX_MESSAGE_BYTES
from services.shared.probes import Probes
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS

SHUTDOWN_SECONDS = 10.0
"""After that a worker that cannot stop is ended; what is not acknowledged comes again."""


def build(settings: Settings, own: ProcessorSettings, state: State) -> faust.App:
    """The Faust app, ready to run."""
    app = faust.App(settings.consumer_group, **_options(settings, own))
    nothing_yet = StreamName(group=settings.consumer_group, cluster_id="", topic=PATIENT_EVENTS, topic_id="")
    ledger = open_ledger(settings, nothing_yet, cached_patients=own.cached_patients)
    assignment = Assignment(settings, ledger, state)
    app.transport = LedgerTransport(app.conf.broker_consumer, app, choose=assignment.choose, loop=app.loop)
    topic = app.topic(PATIENT_EVENTS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    def pause(partitions: set[int]) -> None:
        app.consumer.pause_partitions({TP(PATIENT_EVENTS, partition) for partition in partitions})

    pump = Pump(ledger, state, batch=own.batch, longest_retry=own.longest_retry, pause=pause)

    @app.agent(topic, concurrency=1, name="ledger")
    async def store(stream: Any) -> None:
        await pump.run(stream)

    @app.task  # type: ignore[untyped-decorator, unused-ignore] # Faust has no types for it
    async def watch() -> None:
        await Watch(settings, ledger, state, member=own.instance, every=own.watch).run()

    @app.on_before_shutdown.connect
    async def stop(*_: Any, **__: Any) -> None:
        end_after(SHUTDOWN_SECONDS)

    return app


def _options(settings: Settings, own: ProcessorSettings) -> dict[str, Any]:
    return {
        "broker": ";".join(f"kafka://{address}" for address in settings.kafka.split(",")),
        "datadir": settings.data_dir / "processor" / own.instance,
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "broker_session_timeout": own.session_timeout,
        "broker_heartbeat_interval": own.session_timeout / 3,
        "broker_max_poll_records": own.buffer,
        "consumer_group_instance_id": own.instance,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": MAX_MESSAGE_BYTES,
        "producer_max_request_size": MAX_MESSAGE_BYTES,
        "stream_buffer_maxsize": own.buffer,
        "stream_wait_empty": False,
        "worker_redirect_stdouts": False,
    }


class _Worker(faust.Worker):
    """Faust's worker without its hands on logging: it would clear every handler."""

    def _setup_logging(self) -> None:
        for noisy in ("faust", "mode", "services.processor.transport"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        # It cannot read what Faust's members say of themselves, and says so at each look.
        logging.getLogger("kafka.admin._groups").setLevel(logging.ERROR)


def main() -> None:
    """Run until a signal."""
    settings, own, state = Settings(), ProcessorSettings(), State()
    log.configure("processor", json=settings.log_json)
    metrics.announce("processor")
    app = build(settings, own, state)
    app.conf.datadir.mkdir(parents=True, exist_ok=True)  # Faust makes its own only in an existing folder
    collecting.seldom()
    worker = _Worker(app, loglevel="WARN", quiet=True, redirect_stdouts=False, workdir=Path.cwd())
    with Probes(settings.metrics_bind, settings.metrics_port, state.live, state.ready):
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
