"""The order groups of a result message: which ORC, NTE and SPM belong to which OBX (HL7 v2.5.1 chapter 7).

In ORU and OUL^R24 the specimen stands behind its order. In OUL^R22 and R23, and from senders that put it before the
first order of the patient, it stands before the orders that were done on it, until the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.reading.fields import Row
from services.reading.message_types import ORDER_BEHIND, SPECIMEN_FIRST, Kind


@dataclass(slots=True, kw_only=True)
class Observation:
    """One OBX, the notes behind it, and the specimen in front of it where the sender put OBX behind SPM."""

    row: Row
    notes: list[Row] = field(default_factory=list)
    specimen: Row | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """One ORC/OBR with its observations and specimens."""

    common: Row | None = None
    request: Row | None = None
    notes: list[Row] = field(default_factory=list)
    specimens: list[Row] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def specimens_of(self, observation: Observation) -> list[Row]:
        """The specimen an OBX stands behind, else all those of its order."""
        return [observation.specimen] if observation.specimen else self.specimens


def group_orders(rows: Iterable[Row], kind: Kind = ("ORU", "R01")) -> list[Order]:
    """Orders in the order sent; observations without an OBR form an order of their own."""
    walk = _Walk(specimen_first=kind in SPECIMEN_FIRST, order_behind=kind in ORDER_BEHIND)
    for row in rows:
        walk.take(row)
    return walk.orders


class _Walk:
    """Holds the open order and what an NTE would belong to."""

    def __init__(self, *, specimen_first: bool, order_behind: bool) -> None:
        self._always_first, self._order_behind = specimen_first, order_behind
        self._first = specimen_first
        self._leading: list[Row] = []
        """The specimen that the orders behind it were done on."""
        self.orders: list[Order] = []
        self._open: Order | None = None
        self._notes: list[Row] | None = None
        self._specimen: Row | None = None

    def take(self, row: Row) -> None:
        """One segment further; segments without meaning for results are passed over (they stay in `raw`)."""
        match row.segment.name:
            case "PID":
                self._open, self._notes, self._specimen = None, None, None
                self._first, self._leading = self._always_first, []
            case "ORC":
                self._take_common(row)
            case "OBR":
                self._request(row)
            case "SPM":
                self._take_specimen(row)
            case "OBX":
                self._observe(row)
            case "NTE" if self._notes is not None:
                self._notes.append(row)
            case _:
                pass

    def _start(self, order: Order) -> Order:
        self.orders.append(order)
        self._open, self._notes, self._specimen = order, order.notes, None
        return order

    def _take_common(self, row: Row) -> None:
        order = self._open
        if self._order_behind and order and order.request and not order.common and not order.observations:
            order.common = row
        else:
            self._start(Order(common=row, specimens=list(self._leading)))

    def _request(self, row: Row) -> None:
        if self._open is not None and self._open.common and not self._open.request and not self._open.observations:
            self._open.request = row
        else:
            self._start(Order(request=row, specimens=list(self._leading)))

    def _take_specimen(self, row: Row) -> None:
        self._first = self._first or self._open is None
        if self._first:
            self._leading = [row]
            self._start(Order(specimens=[row]))
            return
        order = self._open or self._start(Order())
        order.specimens.append(row)
        self._notes, self._specimen = order.notes, row

    def _observe(self, row: Row) -> None:
        order = self._open or self._start(Order())
        observation = Observation(row=row, specimen=self._specimen)
        order.observations.append(observation)
        self._notes = observation.notes
