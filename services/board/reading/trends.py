"""Trends of many patients, worked out from their results and kept until the patient's record changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from psycopg import AsyncConnection

from alerts.alert import Derived
from alerts.context import Context
from alerts.derived import derive
from alerts.result import Result, Status
from alerts.rule import View
from alerts.series import Point, Series
from alerts.thresholds import Pack, default_pack
from services.board.reading import patients
from services.board.records import Dot, PatientRow, Trend
from services.shared.log import logger

KEPT = 2_000
"""Patients whose trends are remembered."""
ADJUSTED = ("adjusted_calcium", "ca_adj")
Trends = dict[str, Trend]


class TrendReader:
    """Reads what is new, remembers the rest by the patient's series version; `pack` names the rules in force."""

    def __init__(self, pack: Callable[[], Pack] = default_pack) -> None:
        self._pack, self._used = pack, pack()
        self._kept: OrderedDict[int, tuple[int, Trends]] = OrderedDict()

    async def read(self, conn: AsyncConnection[Any], rows: Sequence[PatientRow]) -> dict[int, Trends]:
        """Trends of each patient by analyte."""
        used = self._pack()
        if used is not self._used:
            self._kept.clear()
            self._used = used
        kept = {row.id: self._kept.get(row.id, (-1, {})) for row in rows}
        stale = [row for row in rows if kept[row.id][0] != row.series_version]
        made = {row.id: kept[row.id][1] for row in rows}
        if stale:
            found = await _results(conn, [row.id for row in stale])
            fresh = await asyncio.to_thread(lambda: {row.id: trends(found[row.id], row, used) for row in stale})
            made |= fresh  # worked out beside the loop, so that pings go on while a whole hospital is read
            self._keep({row.id: (row.series_version, fresh[row.id]) for row in stale})
        return made

    def _keep(self, fresh: dict[int, tuple[int, Trends]]) -> None:
        for patient_id, one in fresh.items():
            self._kept[patient_id] = one
            self._kept.move_to_end(patient_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


async def _results(conn: AsyncConnection[Any], roots: list[int]) -> dict[int, list[Result]]:
    root_of = await patients.members(conn, roots)
    cursor = await conn.execute("SELECT patient_id, body FROM result WHERE patient_id = ANY(%s)", (list(root_of),))
    found: dict[int, list[Result]] = defaultdict(list)
    for patient_id, body in await cursor.fetchall():
        found[root_of[patient_id]].append(msgspec.json.decode(bytes(body), type=Result))
    return found


def trends(results: Iterable[Result], row: PatientRow, pack: Pack) -> Trends:
    """Every analyte with a number, and what is derived; winners only, as the rules of `pack` see them."""
    results = list(results)
    series, said = Series().merge(results), _annotations(results)
    found = {analyte: _measured(analyte, series.points(analyte), said) for analyte in sorted(series.analytes)}
    found["adjusted_calcium"] = _derived(_derive(series, row, pack))
    return {name: trend for name, trend in found.items() if trend is not None}


def _annotations(results: Iterable[Result]) -> dict[str, tuple[str, ...]]:
    """By slot, what the laboratory added to a result without changing it (OBX-11 B and V; result life cycle 1)."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for result in sorted(results, key=lambda one: (one.version_time, one.result_id)):
        if result.status in (Status.APPENDED, Status.VERIFIED):
            found[result.slot] += tuple(comment for comment in result.comments if comment not in found[result.slot])
    return found


def _measured(analyte: str, points: Sequence[Point], said: Mapping[str, tuple[str, ...]]) -> Trend | None:
    dots = tuple(_dot(point, said) for point in points if point.result.value is not None)
    newest = [point.result for point in points if point.result.value is not None][-1:]
    if not newest:
        return None
    last = newest[0]
    return Trend(analyte=analyte, unit=last.unit, dots=dots, low=last.reference_low, high=last.reference_high)


def _dot(point: Point, said: Mapping[str, tuple[str, ...]]) -> Dot:
    result = point.result
    flags = tuple(sorted({*point.flags, *(["preliminary"] if point.preliminary else [])}))
    return Dot(
        at=point.at, value=result.value or Decimal(0), comparator=result.comparator or "", flags=flags,
        result_id=result.result_id, status=result.status.value,
        comments=tuple(dict.fromkeys((*result.comments, *said.get(result.slot, ())))),
    )  # fmt: skip


def _derive(series: Series, row: PatientRow, pack: Pack) -> list[Derived]:
    """Only values that need no context are taken from here, so an empty one is given.

    One that cannot be worked out must not take the ward's page down: the ledger has marked the patient incomplete.
    """
    view = View(patient=row.public_id, series=series, context=Context(), pack=pack, as_of=datetime.now(UTC))
    try:
        return [derived for derived in derive(view) if derived.name in ADJUSTED]
    except Exception as error:  # noqa: BLE001 - whatever it is, the measured values must be shown
        logger.error("trends.derive_failed", patient=row.public_id, error=type(error).__name__)
        return []


def _derived(derived: list[Derived]) -> Trend | None:
    by_time = {one.collected_at: one for one in reversed(derived)}  # of several at one time the first stands
    dots = tuple(Dot(at=at, value=Decimal(by_time[at].value)) for at in sorted(by_time))
    return Trend(analyte="adjusted_calcium", unit=derived[0].unit or "mmol/L", dots=dots) if dots else None


def calcium(found: Trends) -> Trend | None:
    """Adjusted where it could be derived for the newest sample, else total: never a mixture in one line."""
    candidates = [found[name] for name in (*ADJUSTED, "ca") if name in found]
    return max(candidates, key=lambda trend: trend.last.at, default=None)


__all__ = ["TrendReader", "Trends", "calcium", "trends"]
