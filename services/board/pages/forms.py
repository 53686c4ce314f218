"""Posted forms as records."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import Request

from services.board.problems import Refused

T = TypeVar("T", bound=msgspec.Struct)


async def form(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The posted fields. Refused (400) when one is missing or not what it should be."""
    posted = await request.form()
    fields = {name: value for name, value in posted.items() if isinstance(value, str)}
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"the form cannot be read: {error}") from error
