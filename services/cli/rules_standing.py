"""What `halo rules` says of the pack beyond its numbers: approved by whom, what is off, what comes into force when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import LiteralString

import msgspec
import psycopg

from services.shared import rule_pack
from services.shared.database import connect_blocking
from services.shared.rule_pack import Standing
from services.shared.settings import Settings

_COMING: LiteralString = """
SELECT version, hash, from_at, who FROM active_version WHERE kind = 'rule_pack' AND from_at > clock_timestamp()
ORDER BY from_at, id
"""
_WORDS = {
    "en": {
        "approved": "approved by {name} on {at}", "draft": "not approved by anybody: alerts go to test recipients only",
        "unknown": "whether it is approved is not known here: no database answers",
        "off": "SWITCHED OFF until {until}: {rule}, by {who}: {reason}",
        "coming": "from {at} in force: {version} ({mark}), by {who}",
    },
    "sl": {
        "approved": "odobril(a) {name}, {at}", "draft": "nihče ga ni odobril: alarme dobijo samo preskusni prejemniki",
        "unknown": "ni znano, ali je odobren: baza podatkov ne odgovarja",
        "off": "IZKLOPLJENO do {until}: {rule}, {who}: {reason}",
        "coming": "od {at} bo veljal: {version} ({mark}), {who}",
    },
}  # fmt: skip


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The pack asked about and what the database says of it; `standing` None when there is no database."""

    content: str
    standing: Standing | None
    coming: tuple[tuple[str, str, datetime, str], ...] = ()


def look(settings: Settings, file: Path | None = None) -> Known:
    """The pack of the file, else the one in force, else the one that ships. LookupError: its text is not stored."""
    given = file.read_text("utf-8") if file else None
    try:
        with connect_blocking(settings.database, "rules", autocommit=True) as conn:
            return _known(conn, given)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return Known(content=given or rule_pack.shipped(), standing=None)


def said(known: Known, language: str) -> list[str]:
    """One sentence a line."""
    words, mark = _WORDS[language], f"({rule_pack.fingerprint(known.content)[:12]})"
    standing = known.standing
    if standing is None:
        return [f"{mark} {words['unknown']}"]
    approval = standing.approval
    lines = [
        f"{mark} {words['draft']}" if approval is None
        else f"{mark} {words['approved'].format(name=approval.name, at=_time(approval.at))}"
    ]  # fmt: skip
    lines += [
        words["off"].format(until=_time(item.until_at), rule=item.rule, reason=item.reason,
                            who=", ".join(filter(None, (item.who, item.second))))
        for item in standing.off
    ]  # fmt: skip
    return lines + [
        words["coming"].format(at=_time(at), version=version, mark=digest[:12], who=who)
        for version, digest, at, who in known.coming
    ]


def _known(conn: psycopg.Connection[tuple[object, ...]], given: str | None) -> Known:
    content = given or _in_force(conn)
    standing = rule_pack.standing_of(conn.execute(rule_pack.SELECT, (rule_pack.fingerprint(content),)).fetchone())
    coming = conn.execute(_COMING).fetchall()
    return Known(content=content, standing=standing, coming=tuple(msgspec.convert(
        coming, list[tuple[str, str, datetime, str]])))  # fmt: skip


def _in_force(conn: psycopg.Connection[tuple[object, ...]]) -> str:
    shipped = rule_pack.shipped()
    wanted = rule_pack.standing_of(conn.execute(rule_pack.SELECT, (rule_pack.fingerprint(shipped),)).fetchone()).hash
    if wanted in ("", rule_pack.hash_of(shipped)):
        return shipped
    return rule_pack.content_of(conn.execute(rule_pack.CONTENT, (wanted,)).fetchone(), wanted)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
