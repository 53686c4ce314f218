"""The list of alerts, and the page of one: what, why, since when, who was told, and the answer."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Redirect

from alerts.severity import Severity
from services.board import evidence, reasons
from services.board.access import answering, named_reader, unforged
from services.board.answering import answer, let_go, remark, superseded_by
from services.board.audit import record
from services.board.chart import Threshold, chart
from services.board.context import board_of, route_of, viewer_in
from services.board.evidence import Evidence
from services.board.pages.forms import form
from services.board.problems import Refused
from services.board.reading import alerts as reading
from services.board.reading import patients
from services.board.records import AlertRow
from services.board.rendering import page, words_for
from services.board.words import Words


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The acknowledge form."""

    version: int
    note: str = ""
    csrf: str = ""
    back: str = ""


@get("/alerts", guards=[named_reader], include_in_schema=False)
async def alert_list(request: Request[Any, Any, Any], severity: str = "") -> Response[str]:
    """Worst and unanswered first; `state` in the address is one of those listed, else open."""
    state = request.query_params.get("state", "open")
    severity = severity if severity in Severity.__members__ else ""
    state = state if state in reading.STATES else "open"
    board = board_of(request)
    last = board.live.last
    async with board.connection() as conn:
        found = await reading.listed(conn, severity=severity, state=state)
        people = await patients.by_ids(conn, sorted({alert.patient_id for alert in found}))
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=people)
    return page(
        request, "alerts.html", alerts=[(alert, people[alert.patient_id]) for alert in found], severity=severity,
        state=state, severities=list(reversed(Severity)), states=reading.STATES, last=last,
    )  # fmt: skip


@get("/alerts/{alert_id:uuid}", guards=[named_reader], include_in_schema=False)
async def alert_page(request: Request[Any, Any, Any], alert_id: UUID) -> Response[str]:
    """Everything about one alert."""
    board = board_of(request)
    last = board.live.last
    async with board.connection() as conn:
        alert = existing(await reading.one(conn, alert_id))
        found = await evidence.gather(board, conn, alert)
        if found.patient.test and not viewer_in(request).stewards:
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such alert")
        successor = await superseded_by(conn, alert)
        await record(
            conn, viewer_in(request).who, "read", route_of(request), patients=[alert.patient_id], alert=alert_id
        )
    picture = _picture(found, words_for(request))
    return page(request, "alert.html", e=found, a=alert, picture=picture, successor=successor, last=last)


def _picture(found: Evidence, words: Words) -> str:
    if found.trend is None:
        return ""
    names = {found.trend.analyte, found.state.analyte, "ca" if found.trend.analyte == "adjusted_calcium" else ""}
    limits = reasons.thresholds(found.state.reasons, names)
    lines = [Threshold(value, f"{operator} {words.number(value)}") for value, operator in limits]
    name = words.term(f"analyte.{found.trend.analyte}", found.trend.analyte)
    return chart(
        found.trend,
        words,
        f"{name}, {found.trend.unit}",
        thresholds=lines,
        deciding=_deciding(found, found.trend.analyte),
    )


def _deciding(found: Evidence, analyte: str) -> set[datetime]:
    """Collection times of the results used that this trend shows; an adjusted calcium stands for its total."""
    shown = {"adjusted_calcium": "ca"}.get(analyte, analyte)
    return {result.collected_at for result in found.results if result.analyte == shown}


@post("/alerts/{alert_id:uuid}/acknowledge", guards=[unforged, answering], include_in_schema=False)
async def acknowledge_form(request: Request[Any, Any, Any], alert_id: UUID) -> Redirect:
    """Answer for the version that was read, then back to where the answer was given."""
    data = await form(request, Answer)
    board = board_of(request)
    async with board.connection() as conn:
        alert = existing(await reading.one(conn, alert_id))
        await answer(board, conn, alert, viewer_in(request), data.version, data.note)
    return Redirect("/alerts" if data.back == "list" else f"/alerts/{alert_id}", status_code=303)


@post("/alerts/{alert_id:uuid}/release", guards=[unforged, answering], include_in_schema=False)
async def release_form(request: Request[Any, Any, Any], alert_id: UUID) -> Redirect:
    """Send now what waits for a repeat of this specimen."""
    data = await form(request, Answer)
    board = board_of(request)
    async with board.connection() as conn:
        await let_go(board, conn, existing(await reading.one(conn, alert_id)), viewer_in(request), data.note)
    return Redirect(f"/alerts/{alert_id}", status_code=303)


@post("/alerts/{alert_id:uuid}/comment", guards=[unforged, answering], include_in_schema=False)
async def comment_form(request: Request[Any, Any, Any], alert_id: UUID) -> Redirect:
    """Add a note to the log."""
    data = await form(request, Answer)
    board = board_of(request)
    async with board.connection() as conn:
        alert = existing(await reading.one(conn, alert_id))
        await remark(board, conn, alert, viewer_in(request), data.note)
    return Redirect(f"/alerts/{alert_id}", status_code=303)


def existing(alert: AlertRow | None) -> AlertRow:
    """The alert. Refused (404) when there is none."""
    if alert is None:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such alert")
    return alert
