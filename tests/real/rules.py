"""`halo rules ...` for tests, and what a ledger stores under the rules in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from schemas.patient_event import Event
from services.cli.app import halo
from services.ledger.journal import SYSTEM
from services.ledger.opening import open_journal, open_ledger
from services.shared import database as databases
from services.shared.settings import Settings
from tests.real import events
from tests.real.ledgers import stream

REAL = """
[[channel]]
name = "real"
kind = "webhook"
address = "http://127.0.0.1:9/none"
recipient = "on call"
"""
TEST = """
[[channel]]
name = "tester"
kind = "smtp"
address = "smtp://127.0.0.1:9"
recipient = "trainee@hospital.example"
test = true
"""


def run(*arguments: object, typed: str = "") -> Result:
    """`halo rules ...` in this process; the environment names the database."""
    return CliRunner().invoke(halo, ["rules", *map(str, arguments)], input=typed)


def done(*arguments: object) -> str:
    """What a command said that went well."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


class Hospital:
    """A ledger with channels of its own; each `take` is one transaction of one worker that lives on."""

    def __init__(self, database: str, folder: Path, channels: str) -> None:
        file = folder / "channels.toml"
        file.write_text(channels, "utf-8")
        self.settings = Settings(database=database, data_dir=folder, channels=file)
        self.ledger = open_ledger(self.settings, stream())
        self.offset = 0

    def take(self, *taken: Event) -> None:
        """Store these events."""
        self._run(lambda: self.ledger.store(events.records(*taken, start=self.offset)))
        self.offset += len(taken)

    def catch_up(self) -> int:
        """As the clock does it, by a process that has just begun, until nothing is left to do; how many persons."""

        async def bring() -> int:
            step, total = self.ledger.catch_up(), 0
            async with await databases.connect_writer(self.settings.database, "test") as conn:
                while count := await step(conn):
                    total += count
                    assert total < 100, "it never ends"
            return total

        return asyncio.run(bring())

    def log_faults(self, chain: int = SYSTEM) -> list[str]:
        """What is wrong with a chain of the alert log."""

        async def look() -> list[str]:
            async with await databases.connect(self.settings.database, "test") as conn:
                return await open_journal(self.settings).verify(conn, chain)

        return asyncio.run(look())

    def _run(self, work: Callable[[], Any]) -> None:
        async def once() -> None:
            try:
                await work()
            finally:
                await self.ledger.close()

        asyncio.run(once())
