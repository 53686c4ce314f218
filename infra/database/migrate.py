"""Applies `migrations/*.sql` with yoyo: what is pending, and bringing a database up to date.

Differs from stock yoyo in two ways, both for a migration killed half-way: the mark "applied" is written in the
migration's own transaction, and the guard against two migrators is an advisory lock that dies with its holder instead
of a row that stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table

FOLDER = Path(__file__).with_name("migrations")
LOCK_KEY = 4_202_516_001
"""Any number nobody else takes as an advisory lock."""

logging.getLogger("yoyo.migrations").setLevel(logging.WARNING)


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo ships no types
    """yoyo's backend, with the mark inside the migration's transaction."""

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:
        """Apply one migration and mark it, all or nothing."""
        migration.load()
        if not migration.use_transactions:
            super().apply_one(migration, force=force, mark=mark)
            return
        self.ensure_internal_schema_updated()
        with self.transaction():
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            self.mark_one(migration, log=False)


def apply(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is pending, in order; the ids applied. Waits for another migrator. psycopg.Error names the fault."""
    with psycopg.connect(dsn, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        with _backend(dsn) as backend:
            backend.break_lock()  # of a migrator that died: we hold the true lock
            pending_now = backend.to_apply(read_migrations(str(folder)))
            backend.apply_migrations(pending_now)
            return [migration.id for migration in pending_now]


def pending(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Ids of the migrations that this database lacks, in order."""
    with _backend(dsn) as backend:
        return [migration.id for migration in backend.to_apply(read_migrations(str(folder)))]


@contextmanager
def _backend(dsn: str) -> Iterator[_Backend]:
    backend = _Backend(_uri(dsn), default_migration_table)
    with closing(backend.connection):
        backend.init_database()
        yield backend


def _uri(dsn: str) -> DatabaseURI:
    """Any libpq connection string as yoyo wants it; everything but the name goes through as arguments."""
    arguments = {name: value for name, value in conninfo_to_dict(dsn).items() if name != "dbname" and value is not None}
    database = conninfo_to_dict(dsn).get("dbname")
    return DatabaseURI("postgresql+psycopg", None, None, None, None, database, arguments)
