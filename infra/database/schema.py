"""`schema.sql`, the whole schema as one file to read: what all migrations make, dumped and stripped of noise.

`python -m infra.database.schema DSN` writes it from a migrated database of the present PostgreSQL; a test keeps the two
equal.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

FILE = Path(__file__).with_name("schema.sql")
HEAD = (
    "-- All tables as the migrations make them. Written by `python -m infra.database.schema`; change the migrations.\n"
)
_NOISE = re.compile(r"^(--|SET |SELECT pg_catalog|\\)")
_OPTIONS = ("--schema-only", "--no-owner", "--no-privileges", "--exclude-table=*yoyo*")


def dump(dsn: str, pg_dump: Path) -> str:
    """The schema of a database, without settings, comments and the migration tool's own tables.

    Raises CalledProcessError with pg_dump's own words when the server cannot be read.
    """
    parameters = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    password = parameters.pop("password", "")
    target = " ".join(f"{key}={value}" for key, value in parameters.items())
    environment = os.environ | {"PGPASSWORD": password}  # never on the command line, where others could read it
    command = [str(pg_dump), *_OPTIONS, "--dbname", target]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own binary
    lines = [line.rstrip() for line in text.splitlines() if not _NOISE.match(line)]
    return HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    """Write `schema.sql` from the database named on the command line."""
    from infra.embedded.postgres import installed  # noqa: PLC0415 - the binaries are needed here only

    FILE.write_text(dump(sys.argv[1], installed() / "bin" / "pg_dump"), "utf-8")


if __name__ == "__main__":
    main()
