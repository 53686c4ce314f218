"""`halo rules checklist` and `halo rules approve`: a named clinician confirms every line that has no source of its own.

Valid for exactly these numbers, rules and words: any change makes the pack a draft again (behaviour 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alerts.pack_table import Row, rows
from alerts.rules import RULES
from alerts.thresholds import Pack, default_pack, load
from services.cli.pack_file import RULES_OPTION, content_of, pack_of
from services.cli.rules_acts import Account, Act, account, record, transacted
from services.cli.running import DATA_DIR
from services.cli.saying import Sayer
from services.ledger.journal import Journal
from services.shared import rule_pack

OPEN, DONE = "[ ] ", "[x] "
MARKS = ("[M]", "[E]")
_APPROVE: LiteralString = "INSERT INTO rule_pack_approval (fingerprint, login, name, confirmed) VALUES (%s, %s, %s, %s)"
_NOTHING_WITHHELD: LiteralString = (
    "UPDATE operations_alert SET closed_at = clock_timestamp() WHERE kind = 'draft_pack' AND closed_at IS NULL"
)
_UNTOLD: LiteralString = """
SELECT count(*) FROM alert WHERE condition = 'active' AND severity <> 'INFO' AND (told_at IS NULL OR told_draft)
"""


def lines(pack: Pack) -> list[str]:
    """What a clinician confirms: general knowledge, engineering defaults, and every number unlike the shipped one."""
    shipped = {row.key: _said(row) for row in rows(default_pack(), RULES)}
    found = []
    for row in rows(pack, RULES):
        line, before = _said(row), shipped.get(row.key, "not in the shipped pack")
        if line != before:
            found.append(f"{line} (CHANGED; shipped: {before})")
        elif any(mark in row.source for mark in MARKS):
            found.append(line)
    return found


def _said(row: Row) -> str:
    return " ".join(part for part in (row.key, row.operator, row.value, row.unit, row.source) if part)


@click.command("checklist")
@RULES_OPTION
def checklist(rules: Path | None) -> None:
    """Print every number without a source of its own, or unlike the shipped pack, to be marked [x] when confirmed."""
    for line in lines(pack_of(rules)):
        click.echo(OPEN + line)


@click.command("approve")
@click.option("--by", "login", required=True, help="Login of the clinician who approves.")
@click.option("--confirm-all", is_flag=True, help="Print all lines, and confirm them at once.")
@click.option(
    "--confirmed", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The output of `halo rules checklist` with every confirmed line marked [x].",
)  # fmt: skip
@RULES_OPTION
@DATA_DIR
def approve(login: str, file: Path | None, rules: Path | None, data_dir: Path | None, *, confirm_all: bool) -> None:
    """Approve the rules for clinical use: those in force, or those of --rules.

    Every number marked [M] or [E], or unlike the shipped pack, is confirmed: one after the other, by a marked
    checklist, or all at once.
    """
    if file is not None and confirm_all:
        raise click.UsageError("--confirmed or --confirm-all, not both")
    given = file.read_text("utf-8").splitlines() if file else None
    chosen = content_of(rules)

    async def work(conn: AsyncConnection[Any], _journal: Journal) -> tuple[Account, str]:
        return await account(conn, login), chosen or (await rule_pack.read_in_force(conn))[0]

    person, content = transacted(data_dir, work)
    pack = load(content)
    confirmed = _confirmed(pack, given, confirm_all=confirm_all)

    async def write(conn: AsyncConnection[Any], journal: Journal) -> int:
        return await _write(conn, journal, person, content, pack, confirmed)

    waiting = transacted(data_dir, write)
    mark = rule_pack.fingerprint(content)[:12]
    Sayer().say(f"rule pack {pack.version} ({mark}) approved by {person.said}", style="green")
    if waiting:
        Sayer().say(
            f"{waiting} alerts are open that only test recipients, or nobody, heard of. Look at them now, on the page "
            "of alerts. The clock now sends each that is HIGH or CRITICAL and was kept from somebody; the others go "
            "with the next event of their patient."
        )


def _confirmed(pack: Pack, given: Sequence[str] | None, *, confirm_all: bool) -> list[str]:
    wanted = lines(pack)
    if given is not None:
        return _of_file(given, wanted)
    click.echo(f"rule pack {pack.version}: {len(wanted)} lines to confirm")
    if confirm_all:
        for line in wanted:
            click.echo(DONE + line)
        return wanted
    refused = [line for line in wanted if not click.confirm(line, default=False)]
    return _all_or_nothing(refused, wanted)


def _of_file(given: Iterable[str], wanted: list[str]) -> list[str]:
    marked = {line.strip()[len(DONE) :] for line in given if line.strip().lower().startswith(DONE)}
    return _all_or_nothing([line for line in wanted if line not in marked], wanted)


def _all_or_nothing(missing: list[str], wanted: list[str]) -> list[str]:
    if missing:
        shown = "\n".join(missing[:20]) + ("\n..." if len(missing) > len(missing[:20]) else "")
        raise click.ClickException(
            f"not approved: {len(missing)} of {len(wanted)} lines are not confirmed as they are now:\n{shown}"
        )
    return wanted


async def _write(
    conn: AsyncConnection[Any], journal: Journal, person: Account, content: str, pack: Pack, confirmed: list[str]
) -> int:
    mark = rule_pack.fingerprint(content)
    await conn.execute(rule_pack.KEEP, (mark, rule_pack.hash_of(content), pack.version, content))
    await conn.execute(_APPROVE, (mark, person.login, person.name, Jsonb(confirmed)))
    await conn.execute(_NOTHING_WITHHELD)
    await record(conn, journal, Act(
        kind="rules_approved", route="halo rules approve", people=(person,),
        detail=f"{pack.version} {mark}, {len(confirmed)} lines confirmed",
        payload={"version": pack.version, "fingerprint": mark, "lines": str(len(confirmed))},
    ))  # fmt: skip
    row = await (await conn.execute(_UNTOLD)).fetchone()
    return int(row[0]) if row else 0
