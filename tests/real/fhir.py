"""The FHIR endpoint of a real intake process, with a token of a made-up sender, spoken to by curl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from services.board.secret import digest
from tests.real.servers import free_ports

SECRET = "made-up-secret-of-a-sender"
SENDER = "fhir.lab1"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def issues(self) -> list[tuple[str, str]]:
        """Code and place of every issue."""
        return [(one["code"], one.get("expression", [""])[0]) for one in self.body["issue"]]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    process: subprocess.Popen[bytes]
    url: str
    probes: int
    mllp: int
    trusted: Path | None = None
    """Who issued its certificate; None without TLS."""

    @property
    def port(self) -> int:
        """Of FHIR."""
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def send(
        self, body: object, path: str = "", *, method: str = "POST", token: str | None = SECRET,
        kind: str = "application/fhir+json", headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """By curl; `body` is bytes as they are, or made JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            command = ["curl", "-sS", "-i", "-X", method, "--max-time", "60", f"{self.url}{path}"]
            command += ["--cacert", str(self.trusted)] if self.trusted else []
            command += [part for name, value in named.items() for part in ("-H", f"{name}: {value}")]
            command += ["-H", "Expect:", "--data-binary", f"@{file.name}"] if method != "GET" else []
            done = subprocess.run(command, capture_output=True, check=True)
        return _answer(done.stdout)


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(status=int(first.split()[1]), headers=headers, body=json.loads(body) if body else None)


def give_token(
    dsn: str, *, secret: str = SECRET, sender: str = SENDER, ends: str = "1 day", once: bool = False
) -> None:
    """A token of a sender; with `once` where it has it already, too."""
    again = " ON CONFLICT (secret_hash) DO NOTHING"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO sender_token (id, name, sender, secret_hash, expires_at)"
            " VALUES (gen_random_uuid(), 'made up', %s, %s, now() + %s::interval)" + (again if once else ""),
            (sender, digest(secret), ends),
        )


@contextmanager
def endpoint(kafka: str, dsn: str, *, trusted: Path | None = None, **settings: object) -> Iterator[Endpoint]:
    """The process, ready for requests; settings without their prefix (`fhir_rate=5`)."""
    fhir, mllp, probes = free_ports(3)
    names = {
        "HALO_KAFKA": kafka, "HALO_DATABASE": dsn, "HALO_MLLP_PORT": str(mllp), "HALO_METRICS_PORT": str(probes),
        "HALO_FHIR_PORT": str(fhir), **{f"HALO_{name.upper()}": str(value) for name, value in settings.items()},
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "services.intake.app"], env={**os.environ, **names})
    try:
        found = Endpoint(
            process=process,
            url=f"{'https' if trusted else 'http'}://127.0.0.1:{fhir}/fhir",
            probes=probes,
            mllp=mllp,
            trusted=trusted,
        )
        _wait(found)
        yield found
    finally:
        process.terminate()
        assert process.wait(25) == 0


def _wait(found: Endpoint) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done = subprocess.run(["curl", "-skf", f"{found.url}/metadata"], capture_output=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("the FHIR endpoint did not answer")
