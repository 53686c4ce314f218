"""`halo feed`: which senders are silent or live, and the act of making them so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from psycopg import AsyncConnection
from psycopg.errors import DeadlockDetected

from services.cli import feed_preview
from services.cli.rules_acts import Account, Act, account, record, transacted
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer
from services.ledger.going_live import NoSuchTurn, Turned
from services.ledger.journal import Journal
from services.ledger.opening import open_ledger
from services.ledger.record import StreamName
from services.shared import database, feed_reading
from services.shared.feed_reading import FeedNow, RefusedBy
from services.shared.feeds import State

NAME = click.argument("name")
BY = click.option("--by", "login", required=True, help="Login of who decides it.")
SECOND = click.option("--second", required=True, help="Login of the second person.")
YES = click.option("--yes", is_flag=True, help="Do not ask after the preview.")
ATTEMPTS = 3


@click.group("feed")
def command() -> None:
    """Senders of results: silent at first, live when two people say so."""


@command.command("list")
@DATA_DIR
def show(data_dir: Path | None) -> None:
    """One line a feed: state, last message, messages of the last hour and day, share held or refused, what is wrong."""
    found = asyncio.run(_read(data_dir, feed_reading.now))
    if not found:
        click.echo("no feeds: without a site file with [[sender]] entries every message counts as live")
    for one in found:
        click.echo(line(one))


def line(one: FeedNow) -> str:
    """A feed, as `halo feed list` prints it."""
    last = f"{one.last_at:%Y-%m-%dT%H:%MZ}" if one.last_at else "never"
    since = f" from {one.live_from:%Y-%m-%dT%H:%MZ}" if one.live_from else ""
    wrong = [*(["no message for too long"] if one.silent_since else []), *(shift.said for shift in one.shifts)]
    parts = [
        f"{one.name}: {one.state.upper()}{since}", f"last {last}", f"hour {one.hour}", f"day {one.day}",
        f"held or refused at arrival {one.held_share:.1%}", f"refused {one.refused}",
    ]  # fmt: skip
    return ", ".join([*parts, *wrong])


@command.command("refused")
@DATA_DIR
@click.option("--days", type=click.IntRange(1, 400), default=14, show_default=True)
def refused(data_dir: Path | None, days: int) -> None:
    """What intake refused (answered AR), by sender and reason, also of senders that are not listed."""
    since = datetime.now(UTC) - timedelta(days=days)

    async def read(conn: AsyncConnection[Any]) -> list[RefusedBy]:
        return await feed_reading.refused(conn, since)

    for one in asyncio.run(_read(data_dir, read)):
        click.echo(f"{one.count:6} {one.sender} {one.reason} last {one.last_at:%Y-%m-%dT%H:%MZ} example {one.example}")


@command.command("live")
@NAME
@BY
@SECOND
@YES
@DATA_DIR
def live(name: str, login: str, second: str, data_dir: Path | None, *, yes: bool) -> None:
    """Make feed NAME live, by two people.

    First says what would have been sent in the last 14 days, what is open, and which codes are not mapped. Open alerts
    become one list for the clinicians; only CRITICAL ones by a sample under 24 h old page. Nothing that was collected
    before is sent otherwise, and late tests count from now on.
    """
    settings = settings_of(data_dir)

    async def look(conn: AsyncConnection[Any], _journal: Journal) -> list[str]:
        await _people(conn, login, second)
        return await feed_preview.lines(conn, name)

    for text in transacted(data_dir, look):
        Sayer().say(text)
    if not yes:
        click.confirm(f"Make {name} live now?", abort=True)
    nowhere = StreamName(group=settings.consumer_group, cluster_id="", topic="", topic_id="")
    switch = open_ledger(settings, nowhere).switch
    done = _turn(data_dir, name, "live", login, second, switch)
    what = f"{done.listed} open alerts listed, {done.paged} of them paged"
    what += f"; {done.held} held values look CRITICAL and called nobody: halo quarantine list" if done.held else ""
    Sayer().say(f"{name} is live from {done.live_from:%Y-%m-%d %H:%M}Z: {what}", style="green")


@command.command("silent")
@NAME
@BY
@SECOND
@DATA_DIR
def silent(name: str, login: str, second: str, data_dir: Path | None) -> None:
    """Make feed NAME silent again, by two people: stored, evaluated and shown, but not sent; every page says so."""
    settings = settings_of(data_dir)
    nowhere = StreamName(group=settings.consumer_group, cluster_id="", topic="", topic_id="")
    _turn(data_dir, name, "silent", login, second, open_ledger(settings, nowhere).switch)
    Sayer().say(f"{name} is SILENT: nobody is told of its results; every page says so", style="yellow")


def _turn(data_dir: Path | None, name: str, state: State, login: str, second: str, switch: Callable[[], Any]) -> Turned:
    async def work(conn: AsyncConnection[Any], journal: Journal) -> Turned:
        people = await _people(conn, login, second)
        try:
            done: Turned = await switch().turn(conn, name, state, (people[0].login, people[1].login))
        except NoSuchTurn as error:
            raise click.ClickException(f"{error}; see `halo feed list`") from error
        await record(conn, journal, _act(name, state, people, done))
        return done

    for attempt in range(ATTEMPTS):
        try:
            return transacted(data_dir, work)
        except DeadlockDetected:  # results came in between; nothing was changed
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _act(name: str, state: State, people: tuple[Account, ...], done: Turned) -> Act:
    said = f"; {done.listed} open alerts listed, {done.paged} paged" if state == "live" else ""
    return Act(
        kind=f"feed_{'made_live' if state == 'live' else 'made_silent'}", route=f"halo feed {state}", people=people,
        detail=f"{name}{said}",
        payload={"feed": name, "listed": str(done.listed), "paged": str(done.paged)},
    )  # fmt: skip


async def _people(conn: AsyncConnection[Any], login: str, second: str) -> tuple[Account, ...]:
    """Two different accounts. ClickException when one is missing."""
    first, other = await account(conn, login), await account(conn, second)
    if first.login == other.login:
        raise click.ClickException(f"{first.said} is one person; two are needed")
    return (first, other)


async def _read(data_dir: Path | None, read: Callable[[AsyncConnection[Any]], Any]) -> Any:
    async with await database.connect(settings_of(data_dir).database, "feeds") as conn:
        return await read(conn)
