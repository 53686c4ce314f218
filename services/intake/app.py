"""The intake process: `python -m services.intake.app`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from time import monotonic

import uvloop

from services.intake.fhir.server import make_server
from services.intake.fhir.settings import FhirSettings
from services.intake.listening import objection
from services.intake.mllp import MllpServer
from services.intake.producer import EventProducer
from services.intake.settings import IntakeSettings
from services.intake.standing import StandingSite
from services.intake.taking import Taker
from services.intake.telling import Operations
from services.intake.tls import TlsUnusable, TlsWatch
from services.mapping.site_file import SiteInvalid
from services.shared.clock import SystemClock
from services.shared.log import configure, get_logger
from services.shared.metrics import announce
from services.shared.probes import Probes

STUCK_SECONDS = 15.0
SWITCH_SECONDS = 0.001
"""How long a thread that reads a large message may keep the loop from its turn; Python's own 5 ms add up to seconds."""

logger = get_logger()


class Pulse:
    """Proves that the loop turns."""

    def __init__(self) -> None:
        self._last = monotonic()

    async def beat(self) -> None:
        """Runs for ever."""
        while True:
            self._last = monotonic()
            await asyncio.sleep(1)

    def stuck(self) -> dict[str, str]:
        """For `/livez`."""
        silent = monotonic() - self._last
        return {"loop": f"has not turned for {silent:.0f} s"} if silent > STUCK_SECONDS else {}


async def run(settings: IntakeSettings, stopping: asyncio.Event, fhir_settings: FhirSettings | None = None) -> None:
    """Serve until `stopping` is set, then answer what was taken and hand it over.

    SiteInvalid, TlsUnusable, or OSError when it cannot be served as set up.
    """
    pulse, now = Pulse(), SystemClock().now
    tell = Operations(settings.database)
    site = StandingSite(settings.site, tell, lambda found: objection(settings, found))
    producer = EventProducer(settings.kafka, budget=settings.mllp_buffer_bytes)
    server = MllpServer(settings, Taker(settings, producer, now, lambda: site.current))
    tls = TlsWatch(settings, server.renew, tell)
    fhir = make_server(fhir_settings or FhirSettings(fhir_port=None), producer, now, lambda: site.current, tell)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, site.read_again)
    probes = Probes(settings.metrics_bind, settings.metrics_port, pulse.stuck, producer.problems)
    with probes:
        async with asyncio.TaskGroup() as group:
            beside = (pulse.beat(), producer.keep(), site.watch(), tls.watch(now), tell.keep(), fhir.keep())
            background = [group.create_task(work) for work in beside]
            try:
                await server.start()
                await fhir.start()
                await stopping.wait()
                logger.info("intake.draining")
                await asyncio.gather(server.stop(), fhir.stop())
            finally:
                for task in background:
                    task.cancel()
        await producer.stop()


async def _main(settings: IntakeSettings, fhir_settings: FhirSettings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await run(settings, stopping, fhir_settings)


def main() -> None:
    """Entry point; what an operator can mend is one plain line."""
    settings, fhir_settings = IntakeSettings(), FhirSettings()
    sys.setswitchinterval(SWITCH_SECONDS)
    configure("intake", json=settings.log_json)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # ten lines a second while the broker is away; we say it
    announce("intake")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(settings, fhir_settings))
    except* (SiteInvalid, TlsUnusable) as faults:
        sys.exit(f"intake: {faults.exceptions[0]}")
    except* OSError as errors:
        sys.exit(f"intake: cannot listen on {settings.bind}:{settings.mllp_port}: {errors.exceptions[0]}")


if __name__ == "__main__":
    main()
