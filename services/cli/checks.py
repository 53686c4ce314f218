"""What `halo doctor` looks at. Each check returns findings; a server that does not answer is a finding too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg
from kafka.errors import KafkaError

from infra.database import migrate
from services.cli import certificates, durability, rules_standing
from services.ledger import site_in_force
from services.ledger.opening import load_site
from services.shared import kafka
from services.shared.channels import load_channels
from services.shared.database import connect_blocking
from services.shared.settings import Settings

GIB = 1024**3
DISK_WARN_BYTES = 5 * GIB
DISK_FAIL_BYTES = GIB
SKEW_WARN_S = 1.0
SKEW_FAIL_S = 5.0
"""Engineering defaults: a collection time is compared with the time of receipt."""

_BEHIND = """
SELECT count(*) FROM patient WHERE site_version NOT IN ('', (
    SELECT version FROM active_version WHERE kind = 'site' AND from_at <= clock_timestamp()
    ORDER BY from_at DESC, id DESC LIMIT 1))
"""

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report; `todo` says what to do unless all is well."""

    level: Level
    what: str
    text: str
    todo: str = ""


def check_settings(settings: Settings) -> list[Finding]:
    """Files that the settings name, and what is not set although a hospital needs it."""
    findings = [_site(settings), _channels(settings)]
    if os.environ.get("HALO_WATCHDOG_URL"):
        findings.append(Finding(level="ok", what="watchdog", text="HALO_WATCHDOG_URL is set"))
    else:
        todo = "set HALO_WATCHDOG_URL to a service outside that pages when the heartbeat stops"
        findings.append(
            Finding(level="warn", what="watchdog", text="a dead Halo would look like a quiet night", todo=todo)
        )
    return findings


def _named_file(what: str, variable: str, path: Path | None, without: str) -> Finding:
    if path is None:
        return Finding(level="warn", what=what, text=f"none: {without}", todo=f"name it by {variable}")
    if not path.is_file():
        return Finding(level="fail", what=what, text=f"{path} does not exist", todo=f"correct {variable}")
    return Finding(level="ok", what=what, text=str(path))


def _site(settings: Settings) -> Finding:
    named = _named_file("site file", "HALO_SITE", settings.site, "any sender on loopback is taken, as in a trial")
    if named.level != "ok":
        return named
    try:
        load_site(settings.site)
    except (ValueError, OSError) as error:
        return Finding(level="fail", what="site file", text=str(error), todo=f"correct {settings.site}")
    return named


def _channels(settings: Settings) -> Finding:
    named = _named_file("channels", "HALO_CHANNELS", settings.channels, "alerts are shown, not sent to anybody")
    if named.level != "ok":
        return named
    try:
        channels = load_channels(settings.channels)
    except (ValueError, msgspec.ValidationError, OSError) as error:
        return Finding(level="fail", what="channels", text=str(error), todo=f"correct {settings.channels}")
    return Finding(
        level="ok", what="channels", text=", ".join(channel.name for channel in channels) or "none in the file"
    )


def check_certificates(_settings: Settings) -> list[Finding]:
    """How long the listeners' certificates last; nothing without TLS."""
    seen = certificates.look(os.environ, datetime.now(UTC))
    return [Finding(level=level, what="certificate", text=text, todo=todo) for level, text, todo in seen]


def check_broker(settings: Settings) -> list[Finding]:
    """Does Kafka answer, and how many brokers are there."""
    with kafka.admin(settings.kafka) as client:
        cluster: dict[str, Any] = client.describe_cluster()
    count = len(cluster["brokers"])
    return [
        Finding(level="ok", what="broker", text=f"{settings.kafka}: {count} broker(s), cluster {cluster['cluster_id']}")
    ]


def check_topics(settings: Settings) -> list[Finding]:
    """Topics against their files: partitions, message size, retention, copies in sync."""
    faults = kafka.check_topics(settings.kafka, partitions=settings.partitions)
    if not faults:
        return [Finding(level="ok", what="topics", text="as their files say, 24 MiB a message")]
    return [
        Finding(
            level="fail" if fault.fatal else "warn",
            what="topics",
            text=f"{fault.topic} {fault.problem}",
            todo="create what is missing with `halo topics`; change the rest with Kafka's own tools",
        )
        for fault in faults
    ]


def check_database(settings: Settings) -> list[Finding]:
    """Does PostgreSQL answer, does it keep what it confirms, and does its clock agree with ours."""
    with connect_blocking(settings.database, "doctor", autocommit=True) as connection:
        version = connection.info.server_version
        durable = {name: _value(connection, f"SHOW {name}") for name in ("fsync", "full_page_writes")}
        before = datetime.now(UTC)
        theirs = _value(connection, "SELECT clock_timestamp()")
        ours = before + (datetime.now(UTC) - before) / 2
    findings = [Finding(level="ok", what="database", text=f"PostgreSQL {version // 10_000}.{version % 10_000}")]
    findings += [
        Finding(
            level="fail", what="database", text=f"{name} is {value}", todo=f"set {name} = on: a crash loses commits"
        )
        for name, value in durable.items()
        if value != "on"
    ]
    return [*findings, _skew(abs((theirs - ours).total_seconds()))]


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row is not None else None


def _skew(seconds: float) -> Finding:
    level: Level = "fail" if seconds > SKEW_FAIL_S else "warn" if seconds > SKEW_WARN_S else "ok"
    todo = "" if level == "ok" else "run a time service (chrony) on both machines"
    return Finding(level=level, what="clock", text=f"{seconds:.3f} s between here and the database", todo=todo)


def check_migrations(settings: Settings) -> list[Finding]:
    """Is the schema the one this version of Halo needs."""
    waiting = migrate.pending(settings.database)
    if waiting:
        return [
            Finding(level="fail", what="migrations", text=f"pending: {', '.join(waiting)}", todo="run `halo migrate`")
        ]
    return [Finding(level="ok", what="migrations", text="all applied")]


def check_rules(settings: Settings) -> list[Finding]:
    """Are the rules approved, is any switched off, and who hears of a draft."""
    known = rules_standing.look(settings)
    if known.standing is None:
        return [Finding(level="warn", what="rules", text="not known without a database", todo="see database")]
    findings = [_off(item.rule, f"{item.until_at:%Y-%m-%d %H:%M}Z") for item in known.standing.off]
    if known.standing.approval is not None:
        return [*findings, Finding(level="ok", what="rules", text=f"approved by {known.standing.approval.name}")]
    text = "draft: NOT APPROVED FOR CLINICAL USE; only channels marked `test` hear of alerts"
    return [*findings, Finding(level="warn", what="rules", text=text, todo="a clinician runs `halo rules approve`")]


def _off(rule: str, until: str) -> Finding:
    text = f"{rule} is switched off until {until}: its alerts are not sent"
    return Finding(level="warn", what="rules", text=text, todo="`halo rules on` when the reason is gone")


def check_site(settings: Settings) -> list[Finding]:
    """Is the file of HALO_SITE, which intake reads, the one that is in force; is everybody read by it."""
    try:
        with connect_blocking(settings.database, "doctor") as connection:
            version = _value(connection, site_in_force.VERSION) or ""
            behind = _value(connection, _BEHIND) or 0
    except psycopg.Error:  # the findings on database and migrations say so
        return []
    if not version:
        return []
    ours = _version(settings)
    found = [Finding(level="ok", what="site file", text=f"{version} is in force")]
    if settings.site is not None and ours != version:
        found = [Finding(
            level="warn", what="site file", text=f"{settings.site} is {ours or 'no site file'}, in force is {version}",
            todo=f"halo site apply {settings.site} where the file is newer, else halo site show > {settings.site}",
        )]  # fmt: skip
    if behind:
        found.append(Finding(
            level="warn", what="site file", text=f"the reports of {behind} patients are still to be read by {version}",
            todo="the clock does it; start `halo site apply` with the same file again to see how far it is",
        ))  # fmt: skip
    return found


def _version(settings: Settings) -> str:
    try:
        return load_site(settings.site).version
    except (ValueError, OSError):  # the finding on the file itself says what is wrong
        return ""


def check_feeds(settings: Settings) -> list[Finding]:
    """Which senders are silent: nobody is told of their results."""
    try:
        with connect_blocking(settings.database, "doctor", autocommit=True) as connection:
            rows = connection.execute("SELECT name, state FROM feed WHERE listed ORDER BY name").fetchall()
    except psycopg.Error:  # the findings on database and migrations say so
        return []
    silent = [name for name, state in rows if state == "silent"]
    todo = "`halo feed live` when two people have looked at what it sends"
    found = [Finding(level="warn", what="feed", text=f"{name} is SILENT: nobody is told", todo=todo) for name in silent]
    live = [name for name, state in rows if state == "live"]
    return [*found, *([Finding(level="ok", what="feeds", text=f"live: {', '.join(live)}")] if live else [])]


def check_disk(settings: Settings) -> list[Finding]:
    """Room where the embedded servers, secrets and logs are."""
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.resolve().parent
    free = shutil.disk_usage(folder).free
    level: Level = "fail" if free < DISK_FAIL_BYTES else "warn" if free < DISK_WARN_BYTES else "ok"
    todo = "" if level == "ok" else "make room: a full disk stops intake"
    return [Finding(level=level, what="disk", text=f"{free / GIB:.1f} GiB free at {folder}", todo=todo)]


def check_durability(settings: Settings) -> list[Finding]:
    """Which of the two promises of durability holds (design 1)."""
    found = durability.measure(settings.kafka, settings.database)
    if found.survives_machine_loss:
        return [Finding(level="ok", what="durability", text=found.sentence())]
    todo = "for patients: three brokers with min ISR 2 and a synchronous standby"
    return [Finding(level="warn", what="durability", text=found.sentence(), todo=todo)]


CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (
    check_settings,
    check_certificates,
    check_disk,
    check_broker,
    check_topics,
    check_database,
    check_migrations,
    check_rules,
    check_feeds,
    check_site,
    check_durability,
)


def run_all(settings: Settings) -> list[Finding]:
    """Every check, whatever the others find."""
    return [finding for check in CHECKS for finding in _guarded(check, settings)]


def _guarded(check: Callable[[Settings], list[Finding]], settings: Settings) -> list[Finding]:
    what = check.__name__.removeprefix("check_")
    try:
        return check(settings)
    except (kafka.KafkaUnreachable, KafkaError) as error:
        todo = "start the broker, or correct HALO_KAFKA"
        return [Finding(level="fail", what=what, text=str(error), todo=todo)]
    except psycopg.Error as error:
        todo = "start the database, correct HALO_DATABASE, or give the user its rights"
        return [Finding(level="fail", what=what, text=" ".join(str(error).split()), todo=todo)]
