"""Patients: the list, the search by hospital number (a POST, audited), and the page of one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Redirect

from services.board.access import named_reader, unforged
from services.board.audit import record
from services.board.chart import chart
from services.board.context import board_of, route_of, viewer_in
from services.board.pages.forms import form
from services.board.problems import Refused
from services.board.reading import alerts, patients
from services.board.reading.held import unverified
from services.board.records import Trend, worst_first
from services.board.rendering import page, words_for
from services.ledger import quarantine

ORDER = ("mspike", "flck", "flcl", "flc_ratio", "adjusted_calcium", "ca_adj", "ca", "ica", "creat", "hb", "visc")


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """The search form."""

    number: str = ""
    csrf: str = ""


@get("/patients", guards=[named_reader], include_in_schema=False)
async def patient_list(request: Request[Any, Any, Any], realm: str = "") -> Response[str]:
    """Everyone by ward and bed; for stewards with `realm=test` those of the test realm."""
    tests = realm == "test" and viewer_in(request).stewards
    async with board_of(request).connection() as conn:
        rows = await (patients.of_tests(conn) if tests else patients.everyone(conn))
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=[row.id for row in rows])
    return page(request, "patients.html", patients=rows, searched=False)


@post("/patients/search", guards=[unforged, named_reader], include_in_schema=False, status_code=200)
async def patient_search(request: Request[Any, Any, Any]) -> Response[Any]:
    """By exact number; straight to the page when there is one only."""
    data = await form(request, Search)
    async with board_of(request).connection() as conn:
        rows = await patients.by_number(conn, data.number.strip().replace("\x00", ""))
        found = [row.id for row in rows]
        await record(conn, viewer_in(request).who, "search", route_of(request), patients=found or [None])
    if len(rows) == 1:
        return Redirect(f"/patients/{rows[0].public_id}", status_code=303)
    return page(request, "patients.html", patients=rows, searched=True)


@get("/patients/{public_id:str}", guards=[named_reader], include_in_schema=False)
async def patient_page(request: Request[Any, Any, Any], public_id: str) -> Response[str]:
    """Alerts and every trend, as pictures and as tables."""
    board = board_of(request)
    last = board.live.last
    async with board.connection() as conn:
        row = await patients.by_public_id(conn, public_id)
        if row is None or (row.test and not viewer_in(request).stewards):
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such patient")
        found = (await board.trends.read(conn, [row]))[row.id]
        listed = await alerts.of_patient(conn, row.id)
        waiting = await quarantine.urgent_of(conn, row.id)
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=[row.id])
    words = words_for(request)
    shown = sorted(found.values(), key=_place)
    pictures = [(trend, chart(trend, words, words.term(f"analyte.{trend.analyte}", trend.analyte))) for trend in shown]
    listed.sort(key=lambda alert: (not alert.open, *worst_first(alert)))
    doubtful = [(item, unverified(item, row, words.language)) for item in waiting]
    return page(request, "patient.html", p=row, trends=pictures, alerts=listed, doubtful=doubtful, last=last)


def _place(trend: Trend) -> tuple[int, str]:
    return (ORDER.index(trend.analyte) if trend.analyte in ORDER else len(ORDER), trend.analyte)
