"""`halo rules`: the whole rule pack as a table, as JSON, or as the page `docs/rules.md`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click
import msgspec

from alerts.pack_table import rows
from alerts.rules import RULES
from alerts.wording.catalogue import Language
from services.cli.pack_file import RULES_OPTION, pack_of
from services.cli.rules_page import markdown, plain


@click.group("rules", invoke_without_command=True)
@click.option("--language", type=click.Choice(["sl", "en"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per number.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The page docs/rules.md, in both languages.")
@RULES_OPTION
@click.pass_context
def command(
    context: click.Context, language: str, rules: Path | None, *, as_json: bool, as_markdown: bool
) -> None:  # fmt: skip
    """Every number of the rule pack: rule, question, limit, value, source, version and status."""
    if context.invoked_subcommand is not None:
        return
    pack = pack_of(rules)
    if as_json:
        for row in rows(pack, RULES):
            click.echo(msgspec.json.encode(row))
    elif as_markdown:
        click.echo(markdown(pack), nl=False)
    else:
        click.echo(plain(pack, cast("Language", language)), nl=False)
