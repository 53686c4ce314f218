"""Authentication of every request, and the guards of the routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from services.board.context import BEARER, board_of, secret_of
from services.board.problems import Refused
from services.board.secret import csrf_of
from services.board.viewer import Viewer, viewer_of

Connection = ASGIConnection[Any, Any, Any, Any]
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = ("/static/", "/schema")


class Authentication(AbstractAuthenticationMiddleware):
    """Finds out who is asking; the guards decide whether that suffices."""

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        """A Viewer, or None for nobody known."""
        secret = secret_of(connection)
        if not secret or connection.scope["path"].startswith(OPEN_PATHS):
            return AuthenticationResult(user=None, auth=None)
        async with board_of(connection).connection() as conn:
            return AuthenticationResult(user=await viewer_of(conn, secret), auth=secret)


def known(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Anybody who is known: a person, a program, a screen."""
    if connection.user is None:
        raise NotAuthorizedException("log in, or send a valid bearer token")


def named_reader(connection: Connection, handler: BaseRouteHandler) -> None:
    """People and programs; a screen has its ward page only."""
    known(connection, handler)
    if connection.user.kind == "device":
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "a screen sees its ward page only")


def steward(connection: Connection, handler: BaseRouteHandler) -> None:
    """Stewards, administrators, and programs with scope admin."""
    named_reader(connection, handler)
    if not connection.user.stewards:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "this needs the role steward or admin")


def at_the_bench(connection: Connection, handler: BaseRouteHandler) -> None:
    """Stewards and administrators, always in a person's name: what they decide is kept with it."""
    steward(connection, handler)
    if not connection.user.person:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "this needs a token that names a person")


def answering(connection: Connection, handler: BaseRouteHandler) -> None:
    """Whoever may answer an alert, always in a person's name."""
    named_reader(connection, handler)
    if not connection.user.acknowledges:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.no_answer", "this account cannot answer alerts")


def context_writer(connection: Connection, handler: BaseRouteHandler) -> None:
    """Whoever may say what is known of a patient: it changes what is alerted."""
    named_reader(connection, handler)
    if not connection.user.writes_context:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "this account cannot change what is known of a patient")


async def unforged(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A changing request that a cookie vouches for comes from our own pages: origin and form token must say so."""
    bearer = connection.headers.get("authorization", "").lower().startswith(BEARER)
    if bearer or connection.scope.get("method", "GET") in SAFE:
        return
    if not _same_origin(connection):
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "the request comes from another site")
    if isinstance(connection.user, Viewer) and await _form_token(connection) != csrf_of(secret_of(connection)):
        raise Refused(
            HTTPStatus.FORBIDDEN, "problem.form_old", "the form's token is missing or old; load the page again"
        )


async def _form_token(connection: Connection) -> str:
    header = connection.headers.get("x-csrf-token")
    if header is not None or not isinstance(connection, Request):
        return header or ""
    form = await connection.form()
    return str(form.get("csrf", ""))


def _same_origin(connection: Connection) -> bool:
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin")
    return site in {"same-origin", "none"} and (
        origin is None or urlsplit(origin).netloc == connection.headers.get("host", "")
    )
