"""How much may be on the way: what is imported must not keep a live result waiting.

At most 200 unprocessed records a partition (agreed behaviour 1), and in all no more results than the processor stores
in about half a second: the next live result waits behind them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

MOST_RECORDS = 200
"""Unprocessed, a partition."""
AIM_SECONDS = 0.5
"""From Kafka's confirmation until a record is seen stored."""
FEWEST, FIRST, MOST = 250, 1000, 50_000
"""Results on the way: the limits of the limit, and where it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One record on its way."""

    event_id: str
    results: int
    at: float
    """Monotonic seconds."""


class Flow:
    """Follows every record from its sending until the ledger's offset has passed it."""

    def __init__(self, ends: Mapping[int, int]) -> None:
        """`ends` are the ends of the partitions' logs at the start."""
        self._ends = dict(ends)
        self._stored: dict[int, int] = dict.fromkeys(ends, 0)
        self._waiting: defaultdict[int, deque[tuple[int, Sent]]] = defaultdict(deque)
        self._unconfirmed: dict[int, int] = dict.fromkeys(ends, 0)
        self._results = 0
        self.limit = float(FIRST)
        self.moved_at = monotonic()
        """When the ledger's offsets last moved, or nothing was waited for."""

    @property
    def waiting(self) -> int:
        """Records that were sent and are not stored yet."""
        return sum(map(len, self._waiting.values())) + sum(self._unconfirmed.values())

    def unprocessed(self, partition: int) -> int:
        """Records of a partition, anybody's, up to the last of ours."""
        behind = self._ends[partition] - self._stored[partition]
        return max(behind, 0) + self._unconfirmed[partition]

    def has_room(self, partition: int, results: int) -> bool:
        """Whether a record of so many results may be sent now; one larger than the limit goes alone."""
        if self.unprocessed(partition) >= MOST_RECORDS:
            return False
        return self._results == 0 or self._results + results <= self.limit

    def sends(self, partition: int, results: int) -> None:
        """A record is handed to the producer."""
        if not self.waiting:
            self.moved_at = monotonic()
        self._unconfirmed[partition] += 1
        self._results += results

    def confirmed(self, partition: int, offset: int, sent: Sent) -> None:
        """The broker has it."""
        self._unconfirmed[partition] -= 1
        self._ends[partition] = max(self._ends[partition], offset + 1)
        self._waiting[partition].append((offset, sent))

    def stored(self, offsets: Mapping[int, int]) -> list[Sent]:
        """The ledger's next offsets; the records that it has passed since."""
        now, passed = monotonic(), []
        for partition, offset in offsets.items():
            if partition not in self._stored:
                continue
            if offset > self._stored[partition]:
                self.moved_at = now
            self._stored[partition] = max(self._stored[partition], offset)
            queue = self._waiting[partition]
            while queue and queue[0][0] < offset:
                passed.append(queue.popleft()[1])
        self._results -= sum(one.results for one in passed)
        self._adapt([now - one.at for one in passed])
        return passed

    def _adapt(self, delays: list[float]) -> None:
        """More while it is quick, less while a record takes longer than it may."""
        if not delays:
            return
        if max(delays) > AIM_SECONDS:
            self.limit = max(FEWEST, self.limit * max(0.5, AIM_SECONDS / max(delays)))
        elif self._results > self.limit / 4:
            self.limit = min(MOST, self.limit * 1.1)
