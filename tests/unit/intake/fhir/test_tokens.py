"""Known tokens outlive the database for a while; unknown ones are never let in by an outage, nor turned away by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.intake.fhir import tokens as module
from services.intake.fhir.rate import Rates, TooMuch
from services.intake.fhir.settings import FhirSettings
from services.intake.fhir.tokens import Tokens, Unsure

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Database:
    """Rows of `sender_token`, or nobody there; a clock beside it."""

    def __init__(self) -> None:
        self.now = START
        self.away = False
        self.rows: list[tuple[Any, ...]] = []
        self.used: list[list[UUID]] = []
        self.asked = 0

    def give(self, secret: str, *, ends: timedelta = timedelta(days=30)) -> UUID:
        token = uuid4()
        self.rows.append((token, "made up", "fhir.lab1", sha256(secret.encode()).digest(), START + ends))
        return token

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Database]:
        yield self

    async def connect(self, *_: object, **__: object) -> Any:
        self.asked += 1
        if self.away:
            raise psycopg.OperationalError("nobody there")
        return self.connection()

    async def execute(self, query: str, parameters: tuple[list[UUID]] | None = None) -> Database:
        if query.startswith("UPDATE") and parameters is not None:
            self.used.append(parameters[0])
        return self

    async def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self.rows)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(module, "connect", made.connect)
    return made


def tokens_of(database: Database, **settings: Any) -> Tokens:
    return Tokens(FhirSettings(**settings), lambda: database.now)


async def test_a_token_is_found_and_its_use_is_noted(database: Database) -> None:
    token, tokens = database.give("right"), tokens_of(database)
    found = await tokens.find("right")
    assert found is not None
    assert (found.id, found.sender) == (token, "fhir.lab1")
    assert await tokens.find("wrong") is None
    await tokens.read()
    await tokens.read()
    assert database.used == [[token]]


async def test_an_outage_closes_no_door_and_opens_none(database: Database) -> None:
    database.give("right")
    tokens = tokens_of(database, fhir_without_database_hours=2)
    await tokens.read()
    database.away = True
    database.now += timedelta(hours=1)
    await tokens.read()
    assert await tokens.find("right") is not None
    with pytest.raises(Unsure):
        await tokens.find("perhaps made a minute ago")
    database.now += timedelta(hours=2)
    with pytest.raises(Unsure):
        await tokens.find("right")
    database.away = False
    await tokens.read()
    assert await tokens.find("right") is not None


async def test_a_start_without_database_is_unsure_of_everybody(database: Database) -> None:
    database.give("right")
    database.away = True
    tokens = tokens_of(database)
    await tokens.read()
    with pytest.raises(Unsure):
        await tokens.find("right")


async def test_expiry_needs_no_database(database: Database) -> None:
    database.give("short", ends=timedelta(minutes=5))
    tokens = tokens_of(database)
    await tokens.read()
    database.away = True
    assert await tokens.find("short") is not None
    database.now += timedelta(minutes=5)
    assert await tokens.find("short") is None


async def test_a_revoked_token_ends_with_the_next_reading(database: Database) -> None:
    database.give("right")
    tokens = tokens_of(database)
    assert await tokens.find("right") is not None
    database.rows.clear()
    await tokens.read()
    assert await tokens.find("right") is None


async def test_unknown_tokens_ask_once_a_second_at_most(database: Database) -> None:
    tokens = tokens_of(database)
    for _ in range(50):
        assert await tokens.find("guess") is None
    assert database.asked == 1
    database.now += timedelta(seconds=1)
    await tokens.find("guess")
    assert database.asked == 2


def test_a_sender_has_its_rate_and_its_places() -> None:
    now = [0.0]
    rates, one, other = Rates(2, 2, lambda: now[0]), uuid4(), uuid4()

    def taken(token: UUID) -> bool:
        try:
            with rates.request(token):
                return True
        except TooMuch:
            return False

    assert [taken(one) for _ in range(5)] == [True] * 4 + [False]
    assert taken(other)
    now[0] = 0.5
    assert [taken(one) for _ in range(2)] == [True, False]
    now[0] = 100
    with rates.request(one), rates.request(one):
        assert not taken(one)
    assert taken(one)
