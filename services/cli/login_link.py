"""The link of `halo demo` and `halo user link`: logs a person in once, within a quarter of an hour."""

from __future__ import annotations

from services.board.login import DEMO_LOGIN
from services.board.login import one_time_link as board_link
from services.shared.database import connect_blocking


def one_time_link(dsn: str, base: str, login: str = DEMO_LOGIN) -> str:
    """The address, its secret behind the `#`. LookupError when there is no such person."""
    with connect_blocking(dsn, "login-link") as conn:
        return board_link(conn, base, login)
