"""Everything that the alert page and the explanation show, gathered in one transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from alerts.explaining import explain
from alerts.result import Result
from services.board import reasons
from services.board.context import Board
from services.board.reading import alerts as alert_reading
from services.board.reading import patients, sources
from services.board.reading.alerts import Attempt, Delivery, Happening
from services.board.records import AlertRow, PatientRow, Trend


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One alert with its reasons, its bytes and its life."""

    alert: AlertRow
    state: AlertState
    patient: PatientRow
    rows: list[reasons.Row]
    explained: dict[str, Any]
    """`alerts.explaining.explain`: sentences, what is unknown, what would have stopped it."""
    results: list[Result]
    sources: list[sources.Source]
    trend: Trend | None
    history: list[Happening]
    deliveries: list[tuple[Delivery, list[Attempt]]]


async def gather(board: Board, conn: AsyncConnection[Any], alert: AlertRow) -> Evidence:
    """The evidence of one alert. LookupError when the alert or its patient is gone."""
    state = await alert_reading.state_of(conn, alert.alert_id)
    patient = (await patients.by_ids(conn, [alert.patient_id])).get(alert.patient_id)
    if patient is None:
        raise LookupError(f"the patient of alert {alert.alert_id} is not stored")
    used = await sources.results(conn, state.results)
    trends = (await board.trends.read(conn, [patient]))[patient.id]
    return Evidence(
        alert=alert, state=state, patient=patient, rows=reasons.rows(state.reasons),
        explained=explain(state), results=used,
        sources=await sources.sources(conn, used), trend=_headline(state, trends),
        history=await alert_reading.history(conn, alert.alert_id),
        deliveries=await alert_reading.deliveries(conn, alert.alert_id),
    )  # fmt: skip


def _headline(state: AlertState, trends: dict[str, Trend]) -> Trend | None:
    """The trend of the analyte the alert is about; for derived ones what they are derived from."""
    wanted = {"ca_adj": ("ca_adj", "adjusted_calcium", "ca"), "egfr": ("creat", "egfr")}
    names = wanted.get(state.analyte, (state.analyte, *(row.name for row in reasons.rows(state.reasons))))
    return next((trends[name] for name in names if name in trends), None)
