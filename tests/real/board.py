"""A real board process for tests: started as in production, stopped by signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from services.board.login import one_time_link
from services.board.viewer import INSERT_TOKEN, token_row
from tests.real.servers import free_base


@dataclass
class BoardProcess:
    """`url` and `probes` once it runs."""

    dsn: str
    folder: Path
    port: int = field(default_factory=free_base)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def probes(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    def start(self) -> None:
        environment = {
            **os.environ, "HALO_DATABASE": self.dsn, "HALO_BOARD_PORT": str(self.port), "HALO_DATA_DIR": str(self.folder),
            "HALO_METRICS_PORT": str(self.port + 1),
        }  # fmt: skip
        with (self.folder / "board.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "services.board.app"], env=environment, stderr=log)
        deadline = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "board.log").read_text("utf-8"))
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.probes}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, sign: int = signal.SIGTERM) -> float:
        """Seconds until it was gone."""
        if self.process is None:
            return 0.0
        begun = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(timeout=20)
        self.process = None
        return time.monotonic() - begun

    def log(self) -> str:
        return (self.folder / "board.log").read_text("utf-8")


@contextmanager
def board(dsn: str, folder: Path) -> Iterator[BoardProcess]:
    made = BoardProcess(dsn, folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def token(
    dsn: str, kind: str, scope: str, *, login: str = "", name: str = "test", hours: float = 1, named: bool = False
) -> str:
    """A token's secret."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute("SELECT id FROM person WHERE login = %s", (login,)).fetchone()
        secret, _, values = token_row(
            kind=kind, name=name, scope=scope, person_id=row[0] if row else None, named=named,
            expires_at=datetime.now(UTC) + timedelta(hours=hours),
        )  # fmt: skip
        conn.execute(INSERT_TOKEN, values)
    return secret


def person(dsn: str, login: str, role: str, password_hash: str = "!") -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO person (login, name, role, password_hash) VALUES (%s, %s, %s, %s)",
            (login, login.title(), role, password_hash),
        )


def link(dsn: str, url: str, login: str) -> str:
    with psycopg.connect(dsn) as conn:
        return one_time_link(conn, url, login)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
