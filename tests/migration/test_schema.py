"""The schema that people read is the one that the migrations make, and migrations are applied once."""

from __future__ import annotations

from infra.database import migrate, schema
from infra.embedded.postgres import installed
from tests.real.ledgers import ask


def test_schema_file_and_migrations_agree(database: str) -> None:
    """`schema.sql` differs: run `python -m infra.database.schema DSN` against a migrated database and read the change."""
    assert schema.dump(database, installed() / "bin" / "pg_dump") == schema.FILE.read_text("utf-8")


def test_migrating_again_changes_nothing(database: str) -> None:
    """A second run finds nothing to do."""
    assert migrate.pending(database) == []
    assert migrate.apply(database) == []


def test_results_are_a_plain_table_without_timescaledb(database: str) -> None:
    """The hypertable branch needs the extension; without it the same migrations run and the table is there."""
    assert ask(database, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == [(0,)]
    assert ask(database, "SELECT relkind::text FROM pg_class WHERE relname = 'result'") == [("r",)]
