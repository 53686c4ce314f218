"""Keeps a set of services running: what dies is started again with back-off, and everything stops in order.

One thread does all of it, and must be the main one: the kernel ends the children with the thread that started them,
which is what leaves no process behind when the supervisor itself is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Protocol

from prometheus_client import Counter, Gauge

from infra.embedded.child import ServerError
from services.shared.log import logger

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 60.0
TICK_S = 0.1

RESTARTS = Counter("halo_process_restarts_total", "Times a process died and was started again.", ["process"])
UP = Gauge("halo_process_up", "1 while the process runs.", ["process"])


class Service(Protocol):
    """A process under supervision: one of Halo's own, or an embedded server."""

    @property
    def name(self) -> str:
        """Unique name, also the metrics' label."""
        ...

    @property
    def running(self) -> bool:
        """True while it lives."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        ...

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative is a signal's number; None while it lives."""
        ...

    def launch(self) -> None:
        """Start without waiting for readiness; ServerError or OSError when it cannot be started."""
        ...

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting."""
        ...

    def stop(self) -> None:
        """Wait until it has ended; kill it after a deadline of its own."""
        ...


@dataclass(slots=True)
class Backoff:
    """Delays between restarts: doubling from 0.5 s to 30 s, from the start again after a minute of health."""

    delay: float = FIRST_DELAY_S
    started: float = 0.0

    def next(self, now: float) -> float:
        """Seconds to wait before the restart of what died `now`."""
        if now - self.started >= HEALTHY_AFTER_S:
            self.delay = FIRST_DELAY_S
        waiting, self.delay = self.delay, min(self.delay * 2, LONGEST_DELAY_S)
        return waiting


@dataclass(slots=True)
class _Watched:
    service: Service
    backoff: Backoff
    restart_at: float | None = None


class Supervisor:
    """Runs services in the order they are added; `stop_order` names the groups in which they end."""

    def __init__(self, *, changed: Callable[[], None] = lambda: None, now: Callable[[], float] = monotonic) -> None:
        self._watched: dict[str, _Watched] = {}
        self._changed = changed
        self._now = now

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids by name; None for what does not run at the moment."""
        return {name: watched.service.pid for name, watched in self._watched.items()}

    def add(self, service: Service) -> None:
        """Watch a service from now on; launched here unless it runs already."""
        watched = _Watched(service, Backoff())
        self._watched[service.name] = watched
        RESTARTS.labels(service.name)  # shows as 0 from the start
        if not service.running:
            service.launch()
        self._note_start(watched)

    def down(self) -> dict[str, str]:
        """What does not run, for the supervisor's own `/readyz`."""
        return {name: "not running" for name, watched in self._watched.items() if not watched.service.running}

    def tick(self) -> None:
        """Look at every service once; start again what is due."""
        for watched in self._watched.values():
            self._look(watched)

    def run(self, until: Callable[[], bool]) -> None:
        """Supervise until the condition holds, which is asked ten times a second."""
        while not until():
            self.tick()
            sleep(TICK_S)

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """End the groups of names one after the other, then whatever is left. Nothing is restarted any more.

        A name stands for itself and for its numbered workers (`processor` for `processor-1`).
        """
        left = dict(self._watched)
        for group in order:
            members = [name for name in left if name in group or name.rpartition("-")[0] in group]
            _end([left.pop(name).service for name in members])
        _end([watched.service for watched in left.values()])
        self._watched.clear()

    def _look(self, watched: _Watched) -> None:
        service, now = watched.service, self._now()
        if service.running:
            return
        if watched.restart_at is None:
            UP.labels(service.name).set(0)
            delay = watched.backoff.next(now)
            watched.restart_at = now + delay
            logger.warning("process.died", name=service.name, exit_code=service.exit_code, restart_in_seconds=delay)
            self._changed()
        elif now >= watched.restart_at:
            self._restart(watched)

    def _restart(self, watched: _Watched) -> None:
        name = watched.service.name
        RESTARTS.labels(name).inc()
        try:
            watched.service.launch()
        except (ServerError, OSError) as error:
            delay = watched.backoff.next(self._now())
            watched.restart_at = self._now() + delay
            logger.error("process.restart_failed", name=name, error=str(error), restart_in_seconds=delay)
            return
        self._note_start(watched)
        logger.info("process.restarted", name=name, pid=watched.service.pid)

    def _note_start(self, watched: _Watched) -> None:
        watched.restart_at = None
        watched.backoff.started = self._now()
        UP.labels(watched.service.name).set(1)
        self._changed()


def _end(group: Sequence[Service]) -> None:
    """Ask all, then wait for each."""
    for service in group:
        service.ask_to_stop()
    for service in group:
        service.stop()
        UP.labels(service.name).set(0)
        logger.info("process.stopped", name=service.name)
