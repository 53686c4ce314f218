"""The data steward's bench: what was held, in groups, one by one, and what is decided about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Redirect

from services.board.access import at_the_bench, steward, unforged
from services.board.context import board_of, route_of, viewer_in
from services.board.pages.forms import form
from services.board.problems import Refused
from services.board.reading import held, patients
from services.board.reading.held import unverified
from services.board.rendering import page, words_for
from services.board.stewarding import checked, done, existing, note_act, note_reading
from services.ledger import quarantine, questions, stewarding
from services.ledger.quarantine import STATES, Group, Item, State, Wanted, WrongCursor
from services.ledger.settling import CODE_REASONS

AnyRequest = Request[Any, Any, Any]
LIKE = ("reason", "laboratory", "code", "unit")
Acts = dict[str, Callable[[], Awaitable[Any]]]
"""What a form may ask for."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A form about one item."""

    note: str = ""
    csrf: str = ""


class GroupDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A form about a group."""

    reason: str
    laboratory: str = ""
    code: str = ""
    unit: str = ""
    note: str = ""
    csrf: str = ""

    @property
    def wanted(self) -> Wanted:
        """Its items."""
        return Wanted(reason=self.reason, laboratory=self.laboratory, code=self.code, unit=self.unit)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A form about a question."""

    key: str
    note: str = ""
    csrf: str = ""


@get("/quarantine", guards=[steward], include_in_schema=False)
async def bench(request: AnyRequest) -> Response[str]:
    """What came in, the groups of what is held, what laboratories are to be asked."""
    cursor = request.query_params.get("cursor", "")
    async with board_of(request).connection() as conn:
        groups, more = await _page(quarantine.groups(conn, Wanted(), cursor, 50))
        feeds, asked = await quarantine.feeds(conn), await questions.listed(conn)
        ignored = await quarantine.ignored(conn)
        letters = await (await conn.execute(
            "SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL AND closed_at IS NULL")).fetchone()  # fmt: skip
        await note_reading(conn, viewer_in(request), route_of(request), [])
    return page(
        request, "quarantine.html", groups=groups, feeds=feeds, questions=asked, ignored=ignored, more=more,
        letters=letters[0] if letters else 0, address=_address,
    )  # fmt: skip


@get("/quarantine/items", guards=[steward], include_in_schema=False)
async def bench_items(request: AnyRequest) -> Response[str]:
    """The items of a group, of one message, or all; the newest first."""
    asked = request.query_params
    wanted = Wanted(
        state=_state(asked.get("state", "open")), event=_uuid(asked.get("event", "")), reason=asked.get("reason"),
        laboratory=asked.get("laboratory"), code=asked.get("code"), unit=asked.get("unit"),
    )  # fmt: skip
    whole = all(name in asked for name in LIKE)
    async with board_of(request).connection() as conn:
        items, more = await _page(quarantine.items(conn, wanted, asked.get("cursor", ""), 50))
        names = await patients.by_public_ids(conn, sorted({item.patient for item in items if item.patient}))
        await note_reading(conn, viewer_in(request), route_of(request), items)
    following = (
        f"?{urlencode([*(p for p in asked.multi_items() if p[0] != 'cursor'), ('cursor', more)])}" if more else ""
    )
    return page(
        request, "quarantine_items.html", items=items, names=names, wanted=wanted, whole=whole, following=following,
        states=STATES, ignorable=bool(wanted.code) and wanted.reason in CODE_REASONS,
    )  # fmt: skip


@get("/quarantine/{item:uuid}", guards=[steward], include_in_schema=False)
async def bench_item(request: AnyRequest, item: UUID) -> Response[str]:
    """Everything about one held result."""
    async with board_of(request).connection() as conn:
        found = await existing(conn, item)
        names = await patients.by_public_ids(conn, [found.patient] if found.patient else [])
        source, log = await held.source(conn, found), await quarantine.log(conn, item)
        likes = await quarantine.more_like(conn, found)
        await note_reading(conn, viewer_in(request), route_of(request), [found])
    patient = names.get(found.patient or "")
    return page(
        request, "quarantine_item.html", q=found, p=patient, source=source, log=log, likes=likes,
        said=unverified(found, patient, words_for(request).language), group=_address(found),
        ignorable=bool(found.code) and found.reason in CODE_REASONS,
    )  # fmt: skip


def _address(of: Group | Item) -> str:
    """The page of a group."""
    return f"/quarantine/items?{urlencode([(name, getattr(of, name)) for name in LIKE])}"


@post("/quarantine/{item:uuid}/{act:str}", guards=[unforged, at_the_bench], include_in_schema=False)
async def decide(request: AnyRequest, item: UUID, act: str) -> Redirect:
    """What a person decides about one item, then back to it."""
    data, who, ids = await form(request, Decision), viewer_in(request).person, [str(item)]
    note = checked(data.note)
    async with board_of(request).connection() as conn:
        await existing(conn, item)
        acts: Acts = {
            "release": lambda: stewarding.release(conn, ids, who, note),
            "close": lambda: stewarding.close(conn, ids, who, note),
            "reopen": lambda: stewarding.reopen(conn, str(item), who, note),
            "take": lambda: stewarding.take(conn, ids, who, who),
            "give_back": lambda: stewarding.take(conn, ids, who, ""),
            "note": lambda: stewarding.remark(conn, str(item), who, note),
        }  # fmt: skip
        if act not in acts:
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such decision")
        await done(acts[act]())
        await note_act(conn, viewer_in(request), f"quarantine_{act}", route_of(request), str(item))
    return Redirect(f"/quarantine/{item}", status_code=303)


@post("/quarantine/group/{act:str}", guards=[unforged, at_the_bench], include_in_schema=False)
async def decide_group(request: AnyRequest, act: str) -> Redirect:
    """What a person decides about a whole group, then back to the bench."""
    data, who = await form(request, GroupDecision), viewer_in(request).person
    note = checked(data.note)
    async with board_of(request).connection() as conn:
        ids = await stewarding.members(conn, data.wanted)
        acts: Acts = {
            "release": lambda: stewarding.release(conn, ids, who, note),
            "close": lambda: stewarding.close(conn, ids, who, note),
            "take": lambda: stewarding.take(conn, ids, who, who),
            "ignore": lambda: stewarding.ignore(conn, data.laboratory, data.code, data.reason, who, note),
        }  # fmt: skip
        if act not in acts:
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such decision")
        await done(acts[act]())
        await note_act(
            conn, viewer_in(request), f"quarantine_{act}", route_of(request),
            f"{data.reason} of {data.laboratory or '-'}, code {data.code or '-'}, unit {data.unit or '-'}",
        )  # fmt: skip
    return Redirect("/quarantine", status_code=303)


@post("/quarantine/questions/answer", guards=[unforged, at_the_bench], include_in_schema=False)
async def answer_question(request: AnyRequest) -> Redirect:
    """What the laboratory said."""
    data = await form(request, Answered)
    async with board_of(request).connection() as conn:
        await done(questions.answered(conn, data.key, viewer_in(request).person, checked(data.note)))
    return Redirect("/quarantine", status_code=303)


@post("/quarantine/ignored/heed", guards=[unforged, at_the_bench], include_in_schema=False)
async def heed_code(request: AnyRequest) -> Redirect:
    """The code is not ignored any more."""
    data = await form(request, GroupDecision)
    async with board_of(request).connection() as conn:
        await done(stewarding.heed(conn, data.laboratory, data.code, viewer_in(request).person, checked(data.note)))
        await note_act(conn, viewer_in(request), "quarantine_heed", route_of(request), f"{data.laboratory} {data.code}")
    return Redirect("/quarantine", status_code=303)


async def _page(work: Any) -> Any:
    try:
        return await work
    except WrongCursor as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", str(error)) from error


def _state(text: str) -> State:
    return next((state for state in STATES if state == text), "open")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"{text!r} names no message") from error


PAGES = [bench, bench_items, bench_item, decide, decide_group, answer_question, heed_code]
