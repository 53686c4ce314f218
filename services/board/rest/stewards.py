"""`/api/v1/quarantine`: what was held, by group and one by one, and what people decide about it. Stewards only."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from services.board.access import at_the_bench, steward, unforged
from services.board.context import board_of, route_of, viewer_in
from services.board.problems import Refused
from services.board.reading import held
from services.board.reading.held import Mark
from services.board.reading.sources import Message
from services.board.stewarding import checked, done, existing, note_act, note_reading
from services.ledger import quarantine, questions, stewarding
from services.ledger.quarantine import Entry, Feed, Group, Item, State, Wanted, WrongCursor
from services.ledger.questions import Question
from services.ledger.stewarding import Released
from services.mapping.urgency import Looks

AnyRequest = Request[Any, Any, Any]
Limit = Annotated[int, Parameter(ge=1, le=quarantine.MOST)]


class HeldResult(msgspec.Struct, frozen=True, kw_only=True):
    """A held result with what led to it and what was done about it."""

    item: Item
    more_like_it: int
    """Others of its reason, laboratory, code and unit that are open."""
    log: list[Entry]
    message: Message | None
    """`raw` is base64 of the bytes kept; null when they are not."""
    segment: Mark | None
    """Where in `raw` the result stands."""
    field: Mark | None
    """What of it is in doubt; HL7 v2 only."""


class GroupNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group, exactly, and why."""

    reason: str
    laboratory: str
    code: str
    unit: str
    note: str = ""

    @property
    def wanted(self) -> Wanted:
        """Its items."""
        return Wanted(reason=self.reason, laboratory=self.laboratory, code=self.code, unit=self.unit)


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    note: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, and what the laboratory said."""

    key: str
    note: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many held results it changed."""

    items: int


def _next(request: AnyRequest, cursor: str) -> dict[str, str]:
    """RFC 8288: where the list goes on."""
    if not cursor:
        return {}
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.scope["path"]}?{urlencode([*asked, ("cursor", cursor)])}>; rel="next"'}


@get("/quarantine", guards=[steward], operation_id="listQuarantine", summary="Results that were not evaluated")
async def listed(  # noqa: PLR0913 - the filters of a list
    request: AnyRequest, quarantine_state: Annotated[State, Parameter(query="state")] = "open",
    reason: str | None = None, laboratory: str | None = None, code: str | None = None, unit: str | None = None,
    event: UUID | None = None, looks: Looks = "", cursor: str = "", limit: Limit = 100, *, closed: bool = False,
) -> Response[list[Item]]:  # fmt: skip
    """The newest first, a page at a time: the `Link` header leads to the next. `closed=true` is `state=closed`."""
    wanted = Wanted(state="closed" if closed else quarantine_state, reason=reason, laboratory=laboratory, code=code,
                    unit=unit, event=event, looks=looks)  # fmt: skip
    async with board_of(request).connection() as conn:
        found, more = await _page(quarantine.items(conn, wanted, cursor, limit))
        await note_reading(conn, viewer_in(request), route_of(request), found)
    return Response(found, headers=_next(request, more))


@get(
    "/quarantine/groups", guards=[steward], operation_id="listQuarantineGroups", summary="The same, by reason and code"
)
async def grouped(
    request: AnyRequest, reason: str | None = None, laboratory: str | None = None, looks: Looks = "", cursor: str = "",
    limit: Limit = 100,
) -> Response[list[Group]]:  # fmt: skip
    """One line a reason, laboratory, code and unit, those that look urgent first; only what is open."""
    wanted = Wanted(reason=reason, laboratory=laboratory, looks=looks)
    async with board_of(request).connection() as conn:
        found, more = await _page(quarantine.groups(conn, wanted, cursor, limit))
        await note_reading(conn, viewer_in(request), route_of(request), [])
    return Response(found, headers=_next(request, more))


@get(
    "/quarantine/feeds",
    guards=[steward],
    operation_id="listFeedCounts",
    summary="What came in the last 24 h, by sender",
)
async def feeds(request: AnyRequest) -> list[Feed]:
    """In = stored + duplicate + quarantined + ignored + refused."""
    async with board_of(request).connection() as conn:
        return await quarantine.feeds(conn)


@get(
    "/quarantine/questions", guards=[steward], operation_id="listQuestions", summary="What a laboratory is to be asked"
)
async def asked(request: AnyRequest) -> list[Question]:
    """About results that are stored: silent corrections, order numbers used again, another patient's, ..."""
    async with board_of(request).connection() as conn:
        await note_reading(conn, viewer_in(request), route_of(request), [])
        return await questions.listed(conn)


@post("/quarantine/questions/answer", guards=[unforged, at_the_bench], operation_id="answerQuestion",
      summary="What the laboratory said", status_code=204)  # fmt: skip
async def answer(request: AnyRequest, data: Answer) -> None:
    """Closes the question; it opens anew when the same happens again. 409 when it is not open."""
    async with board_of(request).connection() as conn:
        await done(questions.answered(conn, data.key, viewer_in(request).person, checked(data.note)))


@get("/quarantine/{item:uuid}", guards=[steward], operation_id="getQuarantined", summary="One held result")
async def one(request: AnyRequest, item: UUID) -> HeldResult:
    """With the message as it came, and where in it the result stands."""
    async with board_of(request).connection() as conn:
        found = await existing(conn, item)
        await note_reading(conn, viewer_in(request), route_of(request), [found])
        source = await held.source(conn, found)
        return HeldResult(
            item=found, more_like_it=await quarantine.more_like(conn, found), log=await quarantine.log(conn, item),
            message=source.message if source else None, segment=source.segment if source else None,
            field=source.field if source else None,
        )  # fmt: skip


@post("/quarantine/{item:uuid}/release", guards=[unforged, at_the_bench], operation_id="releaseQuarantined",
      summary="Take it again under the site file in force", status_code=202)  # fmt: skip
async def release(request: AnyRequest, item: UUID, data: Note) -> Released:
    """Within seconds; what is still not understood stays, with today's reason. 409 when it is closed."""
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        await note_act(conn, viewer_in(request), "quarantine_release", route_of(request), str(item))
        return await done(stewarding.release(conn, [str(item)], viewer_in(request).person, checked(data.note)))


@post("/quarantine/release", guards=[unforged, at_the_bench], operation_id="releaseGroup",
      summary="Take a whole group again", status_code=202)  # fmt: skip
async def release_group(request: AnyRequest, data: GroupNote) -> Released:
    """The same for every open result of a group."""
    async with board_of(request).connection() as conn:
        ids = await stewarding.members(conn, data.wanted)
        await note_act(conn, viewer_in(request), "quarantine_release", route_of(request), _named(data))
        return await done(stewarding.release(conn, ids, viewer_in(request).person, checked(data.note)))


@post("/quarantine/{item:uuid}/close", guards=[unforged, at_the_bench], operation_id="closeQuarantined",
      summary="Answered, with a reason", status_code=200)  # fmt: skip
async def close(request: AnyRequest, item: UUID, data: Note) -> Count:
    """Nothing more will come of it; 409 without a reason, or when it is closed."""
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        await note_act(conn, viewer_in(request), "quarantine_close", route_of(request), str(item))
        return Count(
            items=await done(stewarding.close(conn, [str(item)], viewer_in(request).person, checked(data.note)))
        )


@post("/quarantine/{item:uuid}/reopen", guards=[unforged, at_the_bench], operation_id="reopenQuarantined",
      summary="Take the closing back", status_code=204)  # fmt: skip
async def reopen(request: AnyRequest, item: UUID, data: Note) -> None:
    """409 when no person closed it."""
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        await note_act(conn, viewer_in(request), "quarantine_reopen", route_of(request), str(item))
        await done(stewarding.reopen(conn, str(item), viewer_in(request).person, checked(data.note)))


@post("/quarantine/{item:uuid}/take", guards=[unforged, at_the_bench], operation_id="takeQuarantined",
      summary="I take care of it", status_code=200)  # fmt: skip
async def take(request: AnyRequest, item: UUID) -> Count:
    """While somebody does, no clinician is called for it."""
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        who = viewer_in(request).person
        await note_act(conn, viewer_in(request), "quarantine_take", route_of(request), str(item))
        return Count(items=await stewarding.take(conn, [str(item)], who, who))


@post("/quarantine/{item:uuid}/note", guards=[unforged, at_the_bench], operation_id="noteQuarantined",
      summary="Add a note", status_code=204)  # fmt: skip
async def remark(request: AnyRequest, item: UUID, data: Note) -> None:
    """Kept in its log under the person's name."""
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        await done(stewarding.remark(conn, str(item), viewer_in(request).person, checked(data.note)))


@post("/quarantine/ignore", guards=[unforged, at_the_bench], operation_id="ignoreCode",
      summary="Nobody wants this code read", status_code=200)  # fmt: skip
async def ignore(request: AnyRequest, data: GroupNote) -> Count:
    """What is held of the laboratory's code closes, further ones count as ignored; 409 for a code Halo knows."""
    async with board_of(request).connection() as conn:
        await note_act(conn, viewer_in(request), "quarantine_ignore", route_of(request), _named(data))
        who, why = viewer_in(request).person, checked(data.note)
        return Count(items=await done(stewarding.ignore(conn, data.laboratory, data.code, data.reason, who, why)))


async def _page(work: Any) -> Any:
    try:
        return await work
    except WrongCursor as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", str(error)) from error


def _named(group: GroupNote) -> str:
    return f"{group.reason} of {group.laboratory or '-'}, code {group.code or '-'}, unit {group.unit or '-'}"


ROUTES = [
    listed, grouped, feeds, asked, answer, one, release, release_group, close, reopen, take, remark, ignore,
]  # fmt: skip
