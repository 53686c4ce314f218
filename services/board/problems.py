"""Errors as answers: RFC 9457 problem documents under `/api`, a page in the reader's language elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.response import Redirect
from psycopg_pool import PoolTimeout

from services.board.rendering import page
from services.shared.log import logger

PROBLEM = "application/problem+json"


class Refused(HTTPException):
    """A request that cannot be done, with words for people: a key of `words.toml`."""

    def __init__(self, status: HTTPStatus, key: str, detail: str) -> None:
        super().__init__(detail, status_code=status)
        self.key = key


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """What the client gets for any error; what is our fault is logged with a number that the answer carries."""
    status, detail = _known(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        number = uuid4().hex[:12]
        route = request.scope.get("path_template", "")
        logger.error("request.failed", number=number, route=route, status=status, exc_info=error)
        detail = f"{detail} (error {number})"
    if request.scope["path"].startswith("/api/"):
        return _problem(request, status, detail)
    if isinstance(error, NotAuthorizedException) and request.method == "GET":
        return Redirect(f"/login?next={quote(_target(request))}")
    return page(
        request, "problem.html", status_code=status, key=getattr(error, "key", f"problem.{_family(status)}"),
        detail=detail,
    )  # fmt: skip


def _target(request: Request[Any, Any, Any]) -> str:
    path, query = request.scope["path"], request.scope["query_string"].decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def _family(status: int) -> str:
    return str(status) if status in {400, 401, 403, 404, 409, 429, 503} else ("500" if status >= 500 else "400")  # noqa: PLR2004 - HTTP


def _known(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, "; ".join([error.detail, *_mistakes(error)])
    if isinstance(error, (psycopg.OperationalError, PoolTimeout)):
        return HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer; try again shortly"
    return HTTPStatus.INTERNAL_SERVER_ERROR, "something failed inside the board"


def _mistakes(error: HTTPException) -> list[str]:
    """What a body or query that does not fit has wrong, with its place."""
    found = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    return [f"{one.get('key', '')} {one.get('message', '')}".strip() for one in found if isinstance(one, dict)]


def _problem(request: Request[Any, Any, Any], status: int, detail: str) -> Response[Any]:
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    body = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail,
        "instance": request.scope.get("path_template", ""),
    }  # fmt: skip
    return Response(body, status_code=status, media_type=PROBLEM, headers=headers)


__all__ = ["Refused", "answer"]
