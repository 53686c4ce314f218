"""A made-up hospital: seeded reports with corrections, duplicates and disorder, and the ledger of what must be stored.

No value, name or number in it belongs to a person.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2025, 1, 6, 7, 0, tzinfo=UTC)
PANEL = {
    "mspike": ("33358-3", "g/L", 12.0, 0.16, 1),
    "ca": ("2000-8", "mmol/L", 2.45, 0.07, 2),
    "alb": ("1751-7", "g/L", 38.0, 0.05, 0),
    "creat": ("14682-9", "umol/L", 95.0, 0.22, 0),
    "hb": ("718-7", "g/L", 112.0, 0.07, 0),
    "igg": ("2465-3", "g/L", 14.0, 0.15, 1),
    "tp": ("2885-2", "g/L", 74.0, 0.05, 0),
    "k": ("2823-3", "mmol/L", 4.4, 0.10, 1),
}
"""Analyte -> LOINC code, unit, middle of the walk, step, digits."""

Row = tuple[str, datetime, str, str, str]
"""Patient, collection time, analyte, status, value as printed. No patient is bled twice at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """What is sent, in the order of sending, and what must be stored of it."""

    messages: list[bytes]
    """With duplicates; several may be equal."""
    ledger: frozenset[Row]
    distinct: int
    """Different messages."""
    resent: int = 0
    """Sent again under a new MSH-7 and MSH-10: the same results."""
    patients: list[str] = field(default_factory=list)


def hospital(seed: int, reports: int, patients: int) -> Hospital:
    """`reports` reports of eight results about `patients` patients; about 6 % of them are corrections."""
    chance = random.Random(seed)
    people = [f"MU{number:05d}" for number in range(patients)]
    levels = {person: {name: entry[2] for name, entry in PANEL.items()} for person in people}
    days = dict.fromkeys(people, 0)
    messages: list[bytes] = []
    ledger: set[Row] = set()
    for number in range(reports):
        person = chance.choice(people)
        days[person] += chance.choice((1, 2, 7, 28, 30))
        collected = START + timedelta(days=days[person] % 600, hours=chance.randrange(10), minutes=number % 60)
        values = _walk(levels[person], chance)
        collected += timedelta(seconds=number // 60 % 60, microseconds=0)
        order = f"O{seed}-{number:06d}"
        messages.append(_message(person, order, "F", values, collected, collected + timedelta(hours=1)))
        ledger |= _rows(person, collected, "F", values)
        if chance.random() < 0.06:
            name = chance.choice(list(values))
            corrected = values | {name: _printed(name, float(values[name]) * chance.choice((0.7, 1.3)))}
            messages.append(_message(person, order, "C", corrected, collected, collected + timedelta(hours=6)))
            ledger |= _rows(person, collected, "C", corrected)
    return _disordered(messages, frozenset(ledger), people, chance)


def _disordered(messages: list[bytes], ledger: frozenset[Row], people: list[str], chance: random.Random) -> Hospital:
    doubles = [chance.choice(messages) for _ in range(len(messages) // 20)]
    again = [_resent(message, number) for number, message in enumerate(chance.sample(messages, len(messages) // 40))]
    order = [(index + chance.gauss(0, 40), message) for index, message in enumerate(messages)]
    order += [(chance.random() * len(messages), message) for message in (*doubles, *again)]
    return Hospital(
        messages=[message for _, message in sorted(order)],
        ledger=ledger,
        distinct=len(set(messages)) + len(again),
        resent=len(again),
        patients=people,
    )


def _walk(levels: dict[str, float], chance: random.Random) -> dict[str, str]:
    for name, (_, _, middle, step, _) in PANEL.items():
        pulled = levels[name] + 0.2 * (middle - levels[name])
        levels[name] = min(max(pulled * (1 + chance.gauss(0, step)), middle * 0.55), middle * 2)
    return {name: _printed(name, value) for name, value in levels.items()}


def _printed(name: str, value: float) -> str:
    return f"{value:.{PANEL[name][4]}f}"


def _rows(person: str, collected: datetime, status: str, values: dict[str, str]) -> set[Row]:
    return {(person, collected, name, status, value) for name, value in values.items()}


def _message(
    person: str, order: str, status: str, values: dict[str, str], collected: datetime, reported: datetime
) -> bytes:
    header = f"MSH|^~\\&|LIS|MADEUPLAB|HALO|HOSP|{_time(reported)}||ORU^R01|{order}{status}|P|2.5.1||||||UNICODE UTF-8"
    observations = [
        f"OBX|{number}|NM|{PANEL[name][0]}^{name}^LN||{value}|{PANEL[name][1]}|||||{status}"
        for number, (name, value) in enumerate(values.items(), start=1)
    ]
    segments = [
        header,
        f"PID|1||{person}^^^MADEUP^MR||Izmišljen^{person}||19550101|M",
        f"OBR|1||{order}^LIS|PANEL^Made up^L|||{_time(collected)}{'|' * 15}{_time(reported)}|||{status}",
        *observations,
    ]
    return "".join(segment + "\r" for segment in segments).encode()


def _resent(message: bytes, number: int) -> bytes:
    """The engine sends it again under a new time and control id; OBR-22 is the same."""
    fields = message.split(b"|")
    fields[6], fields[9] = b"20260601120000+0000", f"RESENT{number}".encode()
    return b"|".join(fields)


def _time(time: datetime) -> str:
    return time.strftime("%Y%m%d%H%M%S%z")
