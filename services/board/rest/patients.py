"""`/api/v1/patients` and `/api/v1/wards`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from litestar import Request, get, post

from services.board.access import known, named_reader, unforged
from services.board.audit import record
from services.board.cards import Card
from services.board.context import board_of, route_of, viewer_in
from services.board.pages.ward import note, of_ward, shows_names
from services.board.problems import Refused
from services.board.reading import patients as reading
from services.board.records import PatientRow
from services.board.rest import shapes
from services.board.viewer import Viewer

AnyRequest = Request[Any, Any, Any]


@get("/patients", guards=[named_reader], operation_id="listPatients", summary="Patients by ward and bed")
async def list_patients(request: AnyRequest, ward: str = "") -> list[shapes.Patient]:
    """All, or those of one ward."""
    async with board_of(request).connection() as conn:
        rows = await (reading.of_ward(conn, ward) if ward else reading.everyone(conn))
        await note(conn, request, rows)
    return [shapes.patient(row) for row in rows]


@post("/patients/search", guards=[unforged, named_reader], operation_id="searchPatients", status_code=200,
      summary="Find a patient by the hospital's number; audited")  # fmt: skip
async def search(request: AnyRequest, data: shapes.NumberSearch) -> list[shapes.Patient]:
    """A POST, so that the number stands in no address and no log."""
    async with board_of(request).connection() as conn:
        rows = await reading.by_number(conn, data.number.strip().replace("\x00", ""))
        found = [row.id for row in rows]
        await record(conn, viewer_in(request).who, "search", route_of(request), patients=found or [None])
    return [shapes.patient(row) for row in rows]


@get("/patients/{public_id:str}", guards=[named_reader], operation_id="getPatient", summary="One patient")
async def get_patient(request: AnyRequest, public_id: str) -> shapes.Patient:
    """By opaque id; the id of a merged record finds the surviving one."""
    async with board_of(request).connection() as conn:
        row = _existing(await reading.by_public_id(conn, public_id), viewer_in(request))
        await note(conn, request, [row])
    return shapes.patient(row)


@get("/patients/{public_id:str}/series", guards=[named_reader], operation_id="getSeries", summary="All trends")
async def get_series(request: AnyRequest, public_id: str) -> shapes.Series:
    """Per analyte the values that count, in collection order and canonical units."""
    board = board_of(request)
    async with board.connection() as conn:
        row = _existing(await reading.by_public_id(conn, public_id), viewer_in(request))
        found = (await board.trends.read(conn, [row]))[row.id]
        await note(conn, request, [row])
    return shapes.Series(patient=row.public_id, series=list(found.values()))


@get("/wards/{ward:str}/board", guards=[known], operation_id="wardBoard", summary="What the ward's screen shows")
async def ward_board(request: AnyRequest, ward: str, mode: str = "") -> list[Card]:
    """The worst first. A screen without names gets public cards, and of its own ward only."""
    board, viewer = board_of(request), viewer_in(request)
    if viewer.ward and viewer.ward != ward:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "this screen belongs to another ward")
    async with board.connection() as conn:
        found = await of_ward(board, conn, ward, named=shows_names(viewer, mode))
        await note(conn, request, [row for row, _ in found])
    return sorted((card for _, card in found), key=lambda card: card.order)


def _existing(row: PatientRow | None, viewer: Viewer) -> PatientRow:
    """Refused (404) where there is none; those of the test realm are for stewards."""
    if row is None or (row.test and not viewer.stewards):
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such patient")
    return row


ROUTES = [list_patients, search, get_patient, get_series, ward_board]
