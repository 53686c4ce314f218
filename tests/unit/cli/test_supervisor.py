"""What dies is started again with growing delays, and things end in the order given."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from infra.embedded.child import ServerError
from services.cli.supervisor import Backoff, Supervisor


class Time:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fake:
    """A service that fails the test on anything unexpected, and notes what was asked of it."""

    name: str
    said: list[str] = field(default_factory=list)
    running: bool = False
    launches: int = 0
    refuse: bool = False
    pid: int | None = None
    exit_code: int | None = None

    def launch(self) -> None:
        assert not self.running
        self.launches += 1
        if self.refuse:
            raise ServerError("no room")
        self.running = True

    def ask_to_stop(self) -> None:
        self.said.append(f"ask {self.name}")

    def stop(self) -> None:
        self.said.append(f"wait {self.name}")
        self.running = False


def test_delays_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.next(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_minute_of_health_forgives() -> None:
    backoff = Backoff()
    assert [backoff.next(59.9), backoff.next(59.9)] == [0.5, 1.0]
    assert backoff.next(60.0) == 0.5


def test_a_dead_service_is_restarted_after_its_delay() -> None:
    time, service = Time(), Fake("intake")
    supervisor = Supervisor(now=time)
    supervisor.add(service)
    service.running = False
    supervisor.tick()
    assert supervisor.down() == {"intake": "not running"}
    time.now = 0.49
    supervisor.tick()
    assert service.launches == 1
    time.now = 0.5
    supervisor.tick()
    assert service.launches == 2
    assert supervisor.down() == {}


def test_a_start_that_fails_is_tried_again_later() -> None:
    time, service = Time(), Fake("kafka", refuse=False)
    supervisor = Supervisor(now=time)
    supervisor.add(service)
    service.running, service.refuse = False, True
    for moment, launches in ((0.0, 1), (0.5, 2), (1.4, 2), (1.5, 3)):
        time.now = moment
        supervisor.tick()
        assert service.launches == launches


def test_one_death_does_not_hold_up_another() -> None:
    time, dead, other = Time(), Fake("board", refuse=False), Fake("clock")
    supervisor = Supervisor(now=time)
    for service in (dead, other):
        supervisor.add(service)
    dead.running, other.running = False, False
    supervisor.tick()
    dead.refuse, time.now = True, 0.5
    supervisor.tick()
    assert other.running


def test_groups_end_one_after_the_other() -> None:
    """A group is asked together and waited for before the next is asked; what no group names ends last."""
    said: list[str] = []
    supervisor = Supervisor(now=Time())
    for name in ("kafka", "processor-1", "processor-2", "intake", "ward"):
        supervisor.add(Fake(name, said))
    supervisor.stop((("intake",), ("processor",), ("kafka",)))
    assert said == [
        *("ask intake", "wait intake"),
        *("ask processor-1", "ask processor-2", "wait processor-1", "wait processor-2"),
        *("ask kafka", "wait kafka", "ask ward", "wait ward"),
    ]


def test_nothing_is_restarted_while_stopping() -> None:
    service = Fake("board")
    supervisor = Supervisor(now=Time())
    supervisor.add(service)
    supervisor.stop(())
    supervisor.tick()
    assert service.launches == 1


def test_a_service_that_cannot_start_at_first_is_an_error() -> None:
    with pytest.raises(ServerError):
        Supervisor().add(Fake("kafka", refuse=True))
