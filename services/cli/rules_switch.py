"""`halo rules off` and `halo rules on`: a rule that is evaluated and shown, but sends nothing until a named time.

Two people for a rule that can say CRITICAL (behaviour 5); every page says what is off.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection

from alerts.critical import CRITICAL_RULES
from alerts.rules import RULES
from services.cli.rules_acts import Account, Act, account, moment, record, transacted
from services.cli.running import DATA_DIR
from services.cli.saying import Sayer
from services.ledger.journal import Journal

RULE = click.argument("rule", type=click.Choice(sorted(rule.name for rule in RULES)))
BY = click.option("--by", "login", required=True, help="Login of who does it.")
_SWITCH: LiteralString = "INSERT INTO rule_switch (rule, until_at, reason, who, second) VALUES (%s, %s, %s, %s, %s)"
_NEWEST: LiteralString = """
SELECT until_at > clock_timestamp() FROM rule_switch WHERE rule = %s ORDER BY id DESC LIMIT 1
"""
_UNTOLD: LiteralString = """
SELECT count(*) FROM alert WHERE rule = %s AND condition = 'active' AND severity <> 'INFO' AND told_at IS NULL
"""


@click.command("off")
@RULE
@click.option("--until", required=True, help="When it is on again by itself, with its zone: 2026-03-01T18:00+01:00.")
@click.option("--reason", required=True, help="Why; it is shown and kept.")
@BY
@click.option("--second", default="", help="Login of a second person: needed where the rule can say CRITICAL.")
@DATA_DIR
def off(rule: str, until: str, reason: str, login: str, second: str, data_dir: Path | None) -> None:
    """Switch RULE off: its alerts are evaluated, stored and shown as off, but nobody is told of a new or worse one."""
    end = moment(until, "--until")
    if end <= datetime.now(UTC):
        raise click.BadParameter(f"{until} is over already", param_hint="--until")
    if not reason.strip():
        raise click.BadParameter("say why", param_hint="--reason")

    async def work(conn: AsyncConnection[Any], journal: Journal) -> str:
        people = await _people(conn, rule, login, second)
        said = " and ".join(person.said for person in people)
        await _switch(conn, journal, rule, "rule_off", people, end, reason.strip())
        return said

    people = transacted(data_dir, work)
    Sayer().say(f"{rule} is off until {end:%Y-%m-%d %H:%M}Z, by {people}; every page says so", style="yellow")


@click.command("on")
@RULE
@BY
@DATA_DIR
def on(rule: str, login: str, data_dir: Path | None) -> None:
    """Switch RULE on again before its time."""

    async def work(conn: AsyncConnection[Any], journal: Journal) -> int:
        row = await (await conn.execute(_NEWEST, (rule,))).fetchone()
        if row is None or not row[0]:
            raise click.ClickException(f"{rule} is on")
        await _switch(conn, journal, rule, "rule_on", (await account(conn, login),), None, "")
        untold = await (await conn.execute(_UNTOLD, (rule,))).fetchone()
        return int(untold[0]) if untold else 0

    untold = transacted(data_dir, work)
    Sayer().say(f"{rule} is on", style="green")
    if untold:
        Sayer().say(
            f"{untold} open alerts of it were told to nobody; the clock now sends each that the switch kept back"
        )


async def _people(conn: AsyncConnection[Any], rule: str, login: str, second: str) -> tuple[Account, ...]:
    """One account, or two different ones. ClickException when one is missing."""
    first = await account(conn, login)
    if not second:
        if rule in CRITICAL_RULES:
            raise click.ClickException(f"{rule} can say CRITICAL: name a second person by --second")
        return (first,)
    other = await account(conn, second)
    if other.login == first.login:
        raise click.ClickException(f"{first.said} is one person; two are needed")
    return (first, other)


async def _switch(
    conn: AsyncConnection[Any], journal: Journal, rule: str, kind: str, people: tuple[Account, ...],
    until: datetime | None, reason: str,
) -> None:  # fmt: skip
    second = people[1].login if len(people) > 1 else ""
    await conn.execute(_SWITCH, (rule, until, reason, people[0].login, second))
    end = until.isoformat() if until else ""
    await record(conn, journal, Act(
        kind=kind, route=f"halo rules {kind.removeprefix('rule_')}", people=people,
        detail=" ".join(filter(None, (rule, f"until {end}" if end else "", reason))),
        payload={"rule": rule, "until": end, "reason": reason},
    ))  # fmt: skip
