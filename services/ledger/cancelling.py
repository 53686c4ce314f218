"""What an admission, transfer or discharge said, until the sender cancels it (ADT A11, A12, A13). Pure.

A cancellation takes back the newest event of its kind before it, with all that this one said (where the patient is, a
death by the discharge's disposition), and what an update said of the place in between. So the answer is the same for
any order of arrival, and what was before holds again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from schemas.patient_event import ContextEntry
from services.reading.message_types import CANCELS

Ranked = tuple[str, int, ContextEntry]
"""`rank` of the event, the entry's number in it, and the entry."""
_ADT = "ADT^"
_UPDATE = "A08"


def trigger(entry: ContextEntry) -> str:
    """The ADT event an entry came by; empty for people and other sources."""
    return entry.note[len(_ADT) : len(_ADT) + 3] if entry.note.startswith(_ADT) else ""


def in_effect(entries: Iterable[Ranked], starts: Callable[[Ranked], datetime]) -> list[Ranked]:
    """The entries without those of cancelled events; cancellations themselves stay, and say nothing."""
    everything = list(entries)
    moves = [item for item in everything if item[2].kind == "place" and trigger(item[2])]
    if not any(trigger(item[2]) in CANCELS for item in moves):
        return everything
    gone = _cancelled(sorted(moves, key=lambda item: (starts(item), item[0], item[1])))
    return [item for item in everything if _event(item) not in gone]


def _cancelled(moves: list[Ranked]) -> set[str]:
    """Events that were taken back, of moves in their order of time."""
    gone: set[str] = set()
    for at, cancel in enumerate(moves):
        targets = CANCELS.get(trigger(cancel[2]), ())
        before = [n for n in range(at) if trigger(moves[n][2]) in targets and _event(moves[n]) not in gone]
        if before:
            gone.add(_event(moves[before[-1]]))
            gone |= {_event(item) for item in moves[before[-1] : at] if trigger(item[2]) == _UPDATE}
    return gone


def _event(item: Ranked) -> str:
    """Id of the event that said it."""
    return item[0].partition(" ")[2]
