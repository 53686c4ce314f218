"""`halo rules`: the whole rule pack as a table, as JSON, or as the page `docs/rules.md`; and what is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click
import msgspec

from alerts.pack_table import rows
from alerts.rules import RULES
from alerts.thresholds import Pack
from alerts.wording.catalogue import Language
from services.cli import rules_standing
from services.cli.pack_file import RULES_OPTION, pack_in, pack_of
from services.cli.rules_activation import activate
from services.cli.rules_approval import approve, checklist
from services.cli.rules_page import markdown, plain
from services.cli.rules_review import review
from services.cli.rules_standing import Known
from services.cli.rules_switch import off, on
from services.cli.running import DATA_DIR, settings_of


@click.group("rules", invoke_without_command=True)
@click.option("--language", type=click.Choice(["sl", "en"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per number.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The page docs/rules.md, in both languages.")
@RULES_OPTION
@DATA_DIR
@click.pass_context
def command(
    context: click.Context, language: str, rules: Path | None, data_dir: Path | None, *, as_json: bool,
    as_markdown: bool,
) -> None:  # fmt: skip
    """Every number of the rule pack: rule, question, limit, value, source, version and status.

    The pack in force, else the one that ships; and whether it is approved, by whom, and which rules are off.
    """
    if context.invoked_subcommand is not None:
        return
    if as_markdown:
        click.echo(markdown(pack_of(rules)), nl=False)
        return
    pack_of(rules)
    known = rules_standing.look(settings_of(data_dir), rules)
    pack = _pack(known)
    if as_json:
        for row in rows(pack, RULES):
            click.echo(msgspec.json.encode(row))
        return
    first, _, rest = plain(pack, cast("Language", language)).partition("\n")
    click.echo("\n".join([first, *rules_standing.said(known, language), rest]), nl=False)


def _pack(known: Known) -> Pack:
    pack = pack_in(known.content)
    return msgspec.structs.replace(pack, status=known.standing.status) if known.standing else pack


for _part in (checklist, approve, off, on, activate, review):
    command.add_command(_part)
