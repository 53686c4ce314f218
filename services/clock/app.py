"""The clock: turns the passing of time into events. Run as `python -m services.clock.app`.

Every 10 s a heartbeat goes through each partition of `patient-events.v1`; the age of the last one committed is the true
health of the partition and the watermark of what may be called late. Due timers are fired in the database.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from services.clock.catching_up import CatchingUp
from services.clock.heartbeats import Heartbeats
from services.clock.settings import ClockSettings
from services.clock.silence import Silence
from services.clock.timers import Action, Timers
from services.ledger.applying import FUTURE_COLLECTION
from services.ledger.bringing_up import BringUp
from services.ledger.going_live import LIVE_PAGE
from services.ledger.holding import SPECIMEN_HOLD
from services.ledger.opening import open_lapses, open_ledger
from services.ledger.record import StreamName
from services.ledger.stewarding import RELEASE
from services.ledger.unverified import UNVERIFIED
from services.shared import log, metrics
from services.shared.clock import SystemClock
from services.shared.probes import Probes
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS


async def run(settings: Settings, own: ClockSettings, stop: asyncio.Event) -> None:
    """Until `stop` is set."""
    clock = SystemClock()
    heartbeats = Heartbeats(settings.kafka, clock, every=own.heartbeat)
    silence = Silence(open_lapses(settings), clock, every=own.poll, partitions=lambda: heartbeats.partitions)
    nowhere = StreamName(group=settings.consumer_group, cluster_id="", topic=PATIENT_EVENTS, topic_id="")
    ledger = open_ledger(settings, nowhere)
    actions: dict[str, Action] = {
        FUTURE_COLLECTION: ledger.retaker(), SPECIMEN_HOLD: ledger.releaser(), LIVE_PAGE: ledger.pager(),
        RELEASE: ledger.readmitter(), UNVERIFIED: ledger.unverified(),
    }  # fmt: skip
    timers = Timers(settings.database, clock, every=own.poll, actions=actions)
    rules = CatchingUp(settings.database, ledger.catch_up(), every=own.rules)
    site = CatchingUp(settings.database, BringUp(ledger.remapper()), every=own.rules, what="site")

    def ready() -> dict[str, str]:
        return heartbeats.wrong() | timers.wrong() | silence.wrong() | rules.wrong() | site.wrong()

    with Probes(settings.metrics_bind, settings.metrics_port, ready=ready):
        tasks = [asyncio.create_task(part.run()) for part in (heartbeats, timers, silence, rules, site)]
        await asyncio.wait([*tasks, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await timers.close()
        await rules.close()
        await site.close()


async def _main() -> None:
    settings, own = Settings(), ClockSettings()
    log.configure("clock", json=settings.log_json)
    metrics.announce("clock")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(settings, own, stop)


def main() -> None:
    """Run until a signal."""
    asyncio.run(_main())


if __name__ == "__main__":
    main()
