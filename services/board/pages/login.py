"""Logging in and out, and the entrance for links that work once and for screens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect

from services.board import metrics
from services.board.access import unforged
from services.board.context import DEVICE_COOKIE, SESSION_COOKIE, Board, board_of, secret_of
from services.board.login import LoginRefused, TooManyFailures, by_link, by_password
from services.board.pages.forms import form
from services.board.problems import Refused
from services.board.rendering import page
from services.board.secret import digest
from services.board.viewer import viewer_of

DEVICE_SECONDS = 400 * 24 * 3600


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The login form."""

    login: str
    password: str
    next: str = "/"


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """What the entrance page posts: one of the two."""

    once: str = ""
    device: str = ""


@get("/login", include_in_schema=False)
async def login_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The form; says so when nobody can log in yet."""
    async with board_of(request).connection() as conn:
        row = await (await conn.execute("SELECT EXISTS (SELECT FROM person WHERE disabled_at IS NULL)")).fetchone()
    target = request.query_params.get("next", "/")
    return page(request, "login.html", target=inside(target), nobody=not (row and row[0]), error="")


@post("/login", guards=[unforged], include_in_schema=False)
async def login(request: Request[Any, Any, Any]) -> Response[Any]:
    """A session in a cookie, or the form again."""
    board, data = board_of(request), await form(request, Credentials)
    try:
        async with board.connection() as conn:
            login_name = data.login.strip().replace("\x00", "")
            secret = await by_password(
                conn, login_name, data.password, address_of(request), board.settings.session_hours
            )
    except (LoginRefused, TooManyFailures) as error:
        waiting = isinstance(error, TooManyFailures)
        metrics.LOGIN_FAILED.labels("throttled" if waiting else "wrong").inc()
        status = HTTPStatus.TOO_MANY_REQUESTS if waiting else HTTPStatus.UNAUTHORIZED
        key = "login.wait" if waiting else "login.wrong"
        return page(request, "login.html", status_code=status, target=inside(data.next), nobody=False, error=key)
    return _admitted(board, SESSION_COOKIE, secret, inside(data.next), board.settings.session_hours * 3600)


@post("/logout", guards=[unforged], include_in_schema=False)
async def logout(request: Request[Any, Any, Any]) -> Redirect:
    """End the session here and on the server."""
    async with board_of(request).connection() as conn:
        await conn.execute(
            "UPDATE token SET revoked_at = clock_timestamp() WHERE secret_hash = %s AND kind = 'session'",
            (digest(secret_of(request)),),
        )
    done = Redirect("/login", status_code=303)
    done.delete_cookie(SESSION_COOKIE)
    return done


@get("/enter", include_in_schema=False)
async def entrance(request: Request[Any, Any, Any]) -> Response[str]:
    """The page that reads the secret behind the `#`, which no server and no log ever sees, and posts it."""
    return page(request, "enter.html")


@post("/enter", guards=[unforged], include_in_schema=False)
async def enter(request: Request[Any, Any, Any]) -> Redirect:
    """Exchange a link's secret for a session, or set a screen's token."""
    board, data = board_of(request), await form(request, Entrance)
    async with board.connection() as conn:
        if data.once:
            try:
                secret = await by_link(conn, data.once, address_of(request), board.settings.session_hours)
            except LoginRefused:
                raise Refused(HTTPStatus.UNAUTHORIZED, "login.link_used", "the link was used or is too old") from None
            return _admitted(board, SESSION_COOKIE, secret, "/", board.settings.session_hours * 3600)
        viewer = await viewer_of(conn, data.device)
    if viewer is None or viewer.kind != "device":
        raise Refused(HTTPStatus.UNAUTHORIZED, "login.device_unknown", "no screen has this token")
    return _admitted(board, DEVICE_COOKIE, data.device, "/", DEVICE_SECONDS)


def _admitted(board: Board, name: str, secret: str, target: str, seconds: int) -> Redirect:
    done = Redirect(target, status_code=303)
    secure = board.settings.secure_cookies
    done.set_cookie(Cookie(key=name, value=secret, httponly=True, samesite="strict", max_age=seconds, secure=secure))
    return done


def inside(target: str) -> str:
    """A path of ours; anything that could lead elsewhere becomes the first page."""
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if plain else "/"


def address_of(request: Request[Any, Any, Any]) -> str:
    """The client's address, for throttling and the audit."""
    return request.client.host if request.client else ""
