"""The ward page: one card a patient, the worst first; a card or the whole grid again as a fragment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get
from psycopg import AsyncConnection

from services.board import cards
from services.board.access import known
from services.board.audit import record
from services.board.cards import Card
from services.board.context import Board, board_of, route_of, viewer_in
from services.board.problems import Refused
from services.board.reading import alerts, patients
from services.board.records import AlertRow, PatientRow
from services.board.rendering import page
from services.board.viewer import Viewer


@get("/", guards=[known], include_in_schema=False)
async def ward(request: Request[Any, Any, Any], ward: str = "", mode: str = "", screen: bool = False,
               part: str = "") -> Response[str]:  # fmt: skip
    """The page, or with `part=grid` only what lies between its header and its footer."""
    board, viewer = board_of(request), viewer_in(request)
    shown, named = viewer.ward or ward, shows_names(viewer, mode)
    last = board.live.last  # taken before reading: what comes in between is told, not missed
    async with board.connection() as conn:
        found = await of_ward(board, conn, shown, named=named)
        wards = [] if viewer.kind == "device" else await patients.wards(conn)
        await note(conn, request, [row for row, _ in found])
    made = sorted((card for _, card in found), key=lambda card: card.order)
    return page(
        request, "_grid.html" if part == "grid" else "ward.html", cards=made, ward=shown, wards=wards,
        named=named, screen=screen or viewer.kind == "device", last=last,
    )  # fmt: skip


@get("/cards/{public_id:str}", guards=[known], include_in_schema=False)
async def card(request: Request[Any, Any, Any], public_id: str, ward: str = "", mode: str = "") -> Response[str]:
    """One card; 404 when the patient is not, or no longer, on this ward."""
    board, viewer = board_of(request), viewer_in(request)
    shown, named = viewer.ward or ward, shows_names(viewer, mode)
    async with board.connection() as conn:
        row = await patients.by_public_id(conn, public_id)
        if row is None or row.unwatched in ("not_enrolled", "test_realm") or (shown and row.ward != shown):
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "no such patient on this ward")
        made = (await cards_of(board, conn, [row], named=named))[0]
        await note(conn, request, [row])
    return page(request, "_card.html", card=made)


def shows_names(viewer: Viewer, mode: str) -> bool:
    """Public unless the viewer may see names and did not ask for the public view."""
    return viewer.named and mode != "public"


async def of_ward(
    board: Board, conn: AsyncConnection[Any], ward: str, *, named: bool
) -> Sequence[tuple[PatientRow, Card]]:
    """Patients of a ward, or of all wards, each with its card."""
    rows = await (patients.of_ward(conn, ward) if ward else patients.everyone(conn))
    return list(zip(rows, await cards_of(board, conn, rows, named=named), strict=True))


async def cards_of(board: Board, conn: AsyncConnection[Any], rows: Sequence[PatientRow], *, named: bool) -> list[Card]:
    """Their cards, in the order given."""
    trends = await board.trends.read(conn, rows)
    by_patient: dict[int, list[AlertRow]] = defaultdict(list)
    for alert in await alerts.open_of(conn, [row.id for row in rows]):
        by_patient[alert.patient_id].append(alert)
    make = cards.named if named else cards.public
    return [make(row, by_patient[row.id], trends[row.id]) for row in rows]


async def note(conn: AsyncConnection[Any], request: Request[Any, Any, Any], rows: Sequence[PatientRow]) -> None:
    """Audit the reading of these patients."""
    await record(conn, viewer_in(request).who, "read", route_of(request), patients=[row.id for row in rows])
