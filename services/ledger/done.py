"""What a transaction did, kept back until it is committed."""

from __future__ import annotations

import msgspec

from services.ledger.record import Outcome
from services.ledger.stored import Stored
from services.ledger.writes import Writes


class Done(msgspec.Struct, kw_only=True):
    """Persons as they are now, and the counts."""

    outcome: Outcome = msgspec.field(default_factory=Outcome)
    persons: dict[int, Stored] = {}
    senders: set[str] = set()
    """New ones, whose alerts are sent because no feed is listed."""

    def add(self, other: Done) -> None:
        """Together with what a savepoint did."""
        self.persons = other.persons
        add(self.outcome, other.outcome)

    def count(self, writes: Writes) -> None:
        """What was written."""
        self.outcome.deliveries += len(writes.deliveries)
        self.outcome.outbox += len(writes.outbox)


def add(total: Outcome, more: Outcome) -> None:
    """Count `more` into `total`."""
    for name in ("events", "repeated", "results", "duplicates", "quarantined", "ignored", "refused", "dead_letters",
                 "deliveries", "outbox"):  # fmt: skip
        setattr(total, name, getattr(total, name) + getattr(more, name))
    total.changes += more.changes
    total.received += more.received
    total.heartbeats |= more.heartbeats
    for rule, seconds in more.rule_seconds.items():
        total.rule_seconds[rule] = total.rule_seconds.get(rule, 0.0) + seconds
