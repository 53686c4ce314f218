"""When the made-up patients are bled: a year of monthly visits first, then one live draw after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from services.cli.ward.courses import HISTORY, draw
from services.cli.ward.messages import oru
from services.cli.ward.people import Person

LIVE_COURSES = ("high_calcium", "kidney_injury", "high_viscosity", "rising_m_protein", "low_haemoglobin", "stable")
"""One of each kind before the next of any, so that all families come early."""


def history(people: list[Person], base: datetime, seed: int) -> Iterator[bytes]:
    """All past visits, oldest first; the same bytes for the same base and seed."""
    for visit in range(HISTORY):
        for person in people:
            collected = base - timedelta(days=30 * (HISTORY - visit)) + timedelta(minutes=7 * int(person.bed))
            chance = random.Random(f"{seed} {person.number} {visit}")  # noqa: S311 - a simulation, not a secret
            order = f"{person.number}-{visit:03d}"
            yield oru(person, order, draw(person.course, visit, chance), collected, collected + timedelta(hours=2))


def interleaved(people: list[Person]) -> list[Person]:
    """The order of the live round: courses take turns."""
    queues = {course: [p for p in people if p.course == course] for course in LIVE_COURSES}
    ordered: list[Person] = []
    while any(queues.values()):
        ordered += [queue.pop(0) for queue in queues.values() if queue]
    return ordered


def live(person: Person, visit: int, now: datetime, seed: int) -> bytes:
    """One draw taken a minute ago."""
    chance = random.Random(f"{seed} {person.number} {now.isoformat()}")  # noqa: S311 - a simulation, not a secret
    order = f"{person.number}-{now:%y%m%d%H%M%S%f}"
    return oru(person, order, draw(person.course, visit, chance), now - timedelta(minutes=1), now)
