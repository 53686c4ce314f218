"""`GET /api/v1/candidates`: who is not enrolled and perhaps should be; audited."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Request, get

from services.board.access import named_reader
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.shared.candidates import listed


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a patient who is not enrolled."""

    patient: str
    """Opaque id."""
    ward: str
    reason: str
    """`m_protein` or `flc_ratio`."""
    collected_at: datetime
    """Of the first sample that shows it."""
    value: Decimal | None
    """Null where the result is a word, or only a bound."""
    unit: str
    listed_at: datetime


@get("/candidates", guards=[named_reader], operation_id="listCandidates",
     summary="Not enrolled, with an M-protein or an abnormal light chain ratio")  # fmt: skip
async def candidates(request: Request[Any, Any, Any]) -> list[Candidate]:
    """The newest 1,000. `PUT /patients/{id}/context` enrols: `enrolment` with `enrolled`, or `ended` for no."""
    async with board_of(request).connection() as conn:
        found = await listed(conn)
        people = sorted({one.id for one in found})
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=people or [None])
    return [Candidate(**{name: getattr(one, name) for name in Candidate.__struct_fields__}) for one in found]


ROUTES = [candidates]
