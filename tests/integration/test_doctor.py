"""`halo doctor` names what is wrong and what to do, and ends with 1 exactly when something fails."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from infra.database import migrate
from infra.embedded.postgres import EmbeddedPostgres
from services.cli import doctor
from services.cli.checks import check_settings
from services.cli.migrate import command as migrate_command
from services.cli.topics import command as topics_command
from services.shared.settings import Settings
from tests.conftest import Topics
from tests.real import servers

pytestmark = pytest.mark.real


def examine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **settings: str) -> Result:
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    for name, value in settings.items():
        monkeypatch.setenv(f"HALO_{name.upper()}", value)
    return CliRunner().invoke(doctor.command, [])


def lines(result: Result, level: str) -> set[str]:
    """The second words of the lines of a level."""
    return {line.split()[1] for line in result.output.splitlines() if line.startswith(level)}


def test_a_sound_trial_has_warnings_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topics: Topics, database: str
) -> None:
    """One machine is no failure, but it is said: promise 1 holds for processes, not for the machine."""
    result = examine(monkeypatch, tmp_path, kafka=topics.bootstrap, database=database, partitions="4")
    assert result.exit_code == 0, result.output
    assert lines(result, "ok") >= {"broker", "topics", "database", "clock", "migrations"}
    assert {"watchdog", "durability", "channels", "rules"} <= lines(result, "warn")
    assert "the loss of this machine or its disk is NOT survived" in result.output


def test_servers_away_fail_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{servers.free_ports(1)[0]}"
    result = examine(monkeypatch, tmp_path, kafka=nowhere, database="postgresql:///halo?host=/nowhere")
    assert result.exit_code == 1
    assert lines(result, "fail") == {"broker", "topics", "database", "migrations", "durability"}
    assert "-> start the broker, or correct HALO_KAFKA" in result.output


def test_missing_topics_migrations_and_files_fail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kafka_bootstrap: str, postgres_dsn: str
) -> None:
    servers.delete_topics(kafka_bootstrap)
    with servers.empty_database(postgres_dsn) as dsn:
        result = examine(
            monkeypatch, tmp_path, kafka=kafka_bootstrap, database=dsn, channels=str(tmp_path / "channels.toml")
        )
    assert result.exit_code == 1
    assert lines(result, "fail") == {"topics", "migrations", "channels"}
    assert "run `halo migrate`" in result.output


def test_the_doctors_remedies_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kafka_bootstrap: str, postgres_dsn: str
) -> None:
    """`halo topics` and `halo migrate` do what they are recommended for."""
    servers.delete_topics(kafka_bootstrap)
    monkeypatch.setenv("HALO_PARTITIONS", "4")
    with servers.empty_database(postgres_dsn) as dsn:
        examine(monkeypatch, tmp_path, kafka=kafka_bootstrap, database=dsn)
        assert CliRunner().invoke(migrate_command, ["--check"]).exit_code == 1
        assert CliRunner().invoke(topics_command, ["--check"]).exit_code == 1
        assert CliRunner().invoke(migrate_command, []).exit_code == 0
        assert CliRunner().invoke(topics_command, []).exit_code == 0
        assert migrate.pending(dsn) == []
        assert examine(monkeypatch, tmp_path).exit_code == 0


def test_a_database_that_forgets_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topics: Topics, database: str, postgres_server: EmbeddedPostgres
) -> None:
    """full_page_writes off would survive no power cut: that is a failure, not a warning."""
    admin = postgres_server.dsn("postgres", admin=True)
    with psycopg.connect(admin, autocommit=True) as connection:
        try:
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("SELECT pg_reload_conf()")
            result = examine(monkeypatch, tmp_path, kafka=topics.bootstrap, database=database, partitions="4")
            assert result.exit_code == 1
            assert "full_page_writes is off" in result.output
        finally:
            connection.execute("ALTER SYSTEM RESET full_page_writes")
            connection.execute("SELECT pg_reload_conf()")


def test_a_site_file_with_a_mistake_fails_with_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[enrolment]\nwatch = "lsted"\n')
    monkeypatch.setenv("HALO_SITE", str(site))
    (found,) = [finding for finding in check_settings(Settings()) if finding.what == "site file"]
    assert found.level == "fail"
    assert "2" in found.text
    assert "watch" in found.text
