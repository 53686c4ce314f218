"""The `halo` command. Each command is a file of this folder that defines `command`; its name is the file's."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import click
import psycopg

from infra.embedded.child import ServerError
from services.mapping.site_file import SiteInvalid
from services.shared.kafka import KafkaUnreachable
from services.shared.metrics import halo_version

FOLDER = Path(__file__).parent
DEFINES_COMMAND = re.compile(r"^(?:def command\(|command\b\s*[:=])", re.MULTILINE)


class CommandFiles(click.Group):
    """A group whose commands are found by file name and loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all command files, dashes for underscores; one at the end is Python's need (`import_`)."""
        del ctx
        return sorted(_name(path) for path in FOLDER.glob("*.py") if _is_command(path))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None (click says which exist) when there is no such file."""
        del ctx
        path = next((path for path in FOLDER.glob("*.py") if _name(path) == cmd_name and _is_command(path)), None)
        if path is None:
            return None
        loaded = import_module(f"services.cli.{path.stem}").command
        if not isinstance(loaded, click.Command):
            raise TypeError(f"services/cli/{path.name}: `command` is a {type(loaded).__name__}, not a click command")
        return loaded


def _name(path: Path) -> str:
    return path.stem.removesuffix("_").replace("_", "-")


def _is_command(path: Path) -> bool:
    return path.name != "app.py" and DEFINES_COMMAND.search(path.read_text("utf-8")) is not None


@click.group(cls=CommandFiles, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(halo_version(), prog_name="halo")
def halo() -> None:
    """Watches laboratory results of people with multiple myeloma and calls the right person."""


def main() -> None:
    """Entry point: what an operator can mend is one plain message, everything else a traceback."""
    try:
        halo()
    except (ServerError, KafkaUnreachable, SiteInvalid) as error:
        sys.exit(f"halo: {error}")
    except psycopg.OperationalError as error:
        sys.exit(
            f"halo: the database cannot be reached: {str(error).strip()}\n"
            "Start it with `halo up`, name the folder of the one that runs (HALO_DATA_DIR, --data-dir), "
            "or set HALO_DATABASE."
        )


if __name__ == "__main__":
    main()
