"""What the demo needs before it starts: channels to its own inbox, and a database that holds nothing else."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import click
import tomli_w

from services.cli.installation import Place
from services.cli.saying import Sayer
from services.shared.database import connect_blocking
from services.shared.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One run of the demo."""

    place: Place
    speed: float
    patients: int
    seconds: float | None

    def ward_arguments(self) -> list[str]:
        """Of the ward process."""
        folder, ports = self.place.data_dir, self.place.ports
        return [
            f"--state={folder}", f"--mllp=127.0.0.1:{ports.mllp}", f"--speed={self.speed}",
            f"--patients={self.patients}",
        ]  # fmt: skip

    def say_login(self, dsn: str, sayer: Sayer) -> None:
        """How to get in: a link that works once; there is no default password, not even here."""
        from services.cli.login_link import one_time_link  # noqa: PLC0415 - loads the board only when it is needed

        link = one_time_link(dsn, f"http://127.0.0.1:{self.place.ports.board}")
        sayer.say(f"  {'log in (once)':18} {link}", style="bold")


def write_channels(demo: Demo, secret: str) -> dict[str, str]:
    """Write `channels.toml` with its secret beside it; the environment that points the processes to it."""
    folder, ports = demo.place.data_dir, demo.place.ports
    key = folder / "webhook.secret"
    _private(key, secret)
    channels = [
        {
            "name": "pager", "kind": "webhook", "address": f"http://127.0.0.1:{ports.webhook_sink}/hook",
            "recipient": "on call (demo)", "secret_file": str(key), "operations": True, "test": True,
        },
        {
            "name": "mail", "kind": "smtp", "address": f"smtp://127.0.0.1:{ports.smtp_sink}",
            "recipient": "team@halo.example", "sender": "halo@halo.example", "language": "sl", "test": True,
        },
    ]  # fmt: skip
    _private(folder / "channels.toml", tomli_w.dumps({"channel": channels}))
    return {
        "HALO_CHANNELS": str(folder / "channels.toml"),
        "HALO_REALM": "demo",
        "HALO_DEMO": "1",
        "HALO_NOTIFIER_BOARD_URL": f"http://127.0.0.1:{ports.board}",
    }


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def refuse_other_data(dsn: str) -> None:
    """Mark an empty database as the demo's. click.ClickException for one that holds anything else."""
    with connect_blocking(dsn, "demo") as conn:
        row = conn.execute("SELECT realm, EXISTS (SELECT FROM patient) FROM installation").fetchone()
        realm, used = row or ("", False)
        if realm != "demo" and used:
            raise click.ClickException(
                "this database holds patients who are not the demo's; the demo refuses it. "
                "Unset HALO_DATABASE, or name an empty database."
            )
        conn.execute("UPDATE installation SET realm = 'demo'")


def refuse_taken_ports(ports: Ports) -> None:
    """click.ClickException naming the ports that other programs hold, and how to choose others."""
    wanted = {"board": ports.board, "MLLP": ports.mllp, "inbox (mail)": ports.smtp_sink, "inbox": ports.webhook_sink}
    taken = [f"{name} {port}" for name, port in wanted.items() if not _free(port)]
    if taken:
        raise click.ClickException(
            f"taken by another program: {', '.join(taken)}. Choose others: halo demo --ports BASE (BASE to BASE + 20)"
        )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
