"""The clock: turns the passing of time into events. Run as `python -m services.clock.app`.

Every 10 s a heartbeat goes through each partition of `patient-events.v1`; the age of the last one committed is the true
health of the partition and the watermark of what may be called late. Due timers are fired in the database.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from services.clock import held
from services.clock.blind import Blind
from services.clock.catching_up import CatchingUp, Step
from services.clock.drift import Drift
from services.clock.heartbeats import Heartbeats
from services.clock.settings import ClockSettings
from services.clock.silence import Silence
from services.clock.silences import Silences
from services.clock.timers import Action, Timers
from services.clock.watchdog import Watchdog
from services.ledger.applying import FUTURE_COLLECTION
from services.ledger.bringing_up import BringUp
from services.ledger.calling import UNVERIFIED
from services.ledger.forgetting import Forget
from services.ledger.going_live import LIVE_PAGE
from services.ledger.holding import SPECIMEN_HOLD
from services.ledger.opening import load_site, open_lapses, open_ledger
from services.ledger.operations import Audience
from services.ledger.record import StreamName
from services.ledger.stewarding import RELEASE
from services.shared import log, metrics
from services.shared.channels import load_channels
from services.shared.clock import SystemClock
from services.shared.probes import Probes
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS


class _Part(Protocol):
    """A task of the clock that says what is wrong with it."""

    async def run(self) -> None:
        """Until cancelled."""

    def wrong(self) -> dict[str, str]:
        """Nothing when all is well."""
        ...


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
    forget = Forget(ledger.remapper(), days=own.forget_days)
    forgetting = CatchingUp(settings.database, forget, every=own.forget, what="forgetting")
    watching = _watching(settings, own, clock, lambda: heartbeats.partitions)

    parts: tuple[_Part, ...] = (heartbeats, timers, silence, rules, site, forgetting, *watching)

    def ready() -> dict[str, str]:
        wrong = (part.wrong() for part in parts)
        return {name: text for found in wrong for name, text in found.items()}

    watchdog = Watchdog(settings.watchdog_url, settings.database, ready, settings.consumer_group)
    with Probes(settings.metrics_bind, settings.metrics_port, ready=ready):
        tasks = [asyncio.create_task(work) for work in (*(part.run() for part in parts), watchdog.run())]
        await asyncio.wait([*tasks, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await timers.close()
        await rules.close()
        for part in (site, forgetting, *watching):
            await part.close()


def _watching(
    settings: Settings, own: ClockSettings, clock: SystemClock, partitions: Callable[[], int]
) -> list[CatchingUp]:
    """What looks at the feeds and at ourselves, each on a connection of its own."""
    zone, group = load_site(settings.site).zone, settings.consumer_group
    steward = any(channel.role == "steward" for channel in load_channels(settings.channels))
    audiences: tuple[Audience, ...] = ("operations", "steward") if steward else ("operations",)
    steps: dict[str, Step] = {
        "feeds": Silences(own, clock, zone=zone, group=group, partitions=partitions),
        "blind": Blind(own, clock, zone=zone, group=group, partitions=partitions),
        "drift": Drift(own, clock, zone=zone, audiences=audiences),
        "held": held.count,
    }
    return [CatchingUp(settings.database, step, every=own.feeds, what=name) for name, step in steps.items()]


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
