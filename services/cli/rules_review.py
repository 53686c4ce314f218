"""`halo rules review`: alerts that changed only because of the rules, for a person to look through."""

from __future__ import annotations

from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection

from services.cli.rules_acts import Act, account, record, transacted
from services.cli.running import DATA_DIR
from services.cli.saying import Sayer
from services.ledger.journal import Journal

_LIST: LiteralString = """
SELECT c.at, c.alert_id::text, a.code, c.kind, c.rule, c.severity_before, c.severity_after, a.condition,
       a.summary ->> %s FROM pack_change AS c JOIN alert AS a USING (alert_id)
WHERE c.reviewed_at IS NULL ORDER BY c.at, c.alert_id, c.alert_version
"""
_DONE: LiteralString = """
UPDATE pack_change SET reviewed_by = %s, reviewed_at = clock_timestamp() WHERE reviewed_at IS NULL
AND alert_id IN (SELECT alert_id FROM alert WHERE alert_id::text = ANY(%s) OR code = ANY(%s))
"""


@click.command("review")
@click.option("--language", type=click.Choice(["sl", "en"]), default="en", show_default=True)
@click.option("--done", multiple=True, metavar="ALERT", help="Id or telephone code of an alert that was looked at.")
@click.option("--by", "login", default="", help="With --done: login of who looked.")
@DATA_DIR
def review(language: str, done: tuple[str, ...], login: str, data_dir: Path | None) -> None:
    """List them, or take some off the list. Nobody was paged for any of them."""
    if bool(done) != bool(login):
        raise click.UsageError("--done and --by go together")

    async def work(conn: AsyncConnection[Any], journal: Journal) -> list[tuple[Any, ...]] | int:
        if not done:
            return await (await conn.execute(_LIST, (language,))).fetchall()
        person = await account(conn, login)
        count = (await conn.execute(_DONE, (person.login, list(done), [text.upper() for text in done]))).rowcount
        if not count:
            raise click.ClickException(f"none of {', '.join(done)} is on the list")
        named = ", ".join(done)
        await record(conn, journal, Act(
            kind="pack_change_reviewed", route="halo rules review", people=(person,), detail=named,
            payload={"alerts": named},
        ))  # fmt: skip
        return count

    found = transacted(data_dir, work)
    if isinstance(found, int):
        Sayer().say(f"{found} taken off the list")
        return
    for at, alert, code, kind, rule, before, after, condition, summary in found:
        Sayer().say(
            f"{at:%Y-%m-%d %H:%M}Z {code} {kind} {rule} {before or '-'} -> {after} ({condition}): {summary} {alert}"
        )
    Sayer().say(f"{len(found)} to be reviewed")
