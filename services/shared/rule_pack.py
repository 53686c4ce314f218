"""The rule pack as a governed thing: its fingerprint, who approved it, what is in force, which rules are off.

An approval holds for one fingerprint, over the numbers, the code of the rules and their wording: any change makes the
pack a draft again (behaviour 5). Draft is training: only channels marked `test` hear of its alerts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import AsyncConnection, Connection

from services.shared.feeds import Feed

Status = Literal["draft", "approved"]

NUMBERS = "thresholds.toml"
KINDS = (".py", ".toml", ".po")
"""What decides and words an alert; all of it below `alerts/`."""

SELECT: LiteralString = """
WITH force AS (
    SELECT hash FROM active_version WHERE kind = 'rule_pack' AND from_at <= clock_timestamp()
    ORDER BY from_at DESC, id DESC LIMIT 1
), newest AS (
    SELECT DISTINCT ON (rule) rule, until_at, reason, who, second, at FROM rule_switch ORDER BY rule, id DESC
)
SELECT coalesce((SELECT hash FROM force), '') AS hash,
       (SELECT jsonb_build_object('name', a.name, 'at', a.approved_at) FROM rule_pack_approval AS a
        WHERE a.fingerprint = %s ORDER BY a.id DESC LIMIT 1) AS approval,
       coalesce((SELECT jsonb_agg(to_jsonb(n) ORDER BY n.rule) FROM newest AS n
                 WHERE n.until_at > clock_timestamp()), '[]') AS off,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', f.name, 'state', f.state, 'live_from', f.live_from,
                                                     'listed', f.listed) ORDER BY f.name), '[]')
        FROM feed AS f) AS feeds
"""
"""Takes the fingerprint of the pack the asker has loaded."""
CONTENT: LiteralString = "SELECT content FROM rule_pack WHERE hash = %s LIMIT 1"
KEEP: LiteralString = """
INSERT INTO rule_pack (fingerprint, hash, version, content) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Who approved, and when."""

    name: str
    at: datetime


class Off(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is evaluated but told to nobody until it is on again."""

    rule: str
    until_at: datetime
    reason: str
    who: str
    second: str
    """Empty where one person suffices."""
    at: datetime


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says of the rules at one moment."""

    hash: str = ""
    """Of the numbers in force; empty: those that ship."""
    approval: Approval | None = None
    """Of the fingerprint that was asked for."""
    off: tuple[Off, ...] = ()
    feeds: tuple[Feed, ...] = ()
    """Which senders are live; none without a site file."""

    @property
    def status(self) -> Status:
        """Draft unless approved."""
        return "draft" if self.approval is None else "approved"

    @property
    def silent(self) -> tuple[str, ...]:
        """Names of the listed feeds of which nothing is sent."""
        return tuple(feed.name for feed in self.feeds if feed.state == "silent" and feed.listed)

    def is_off(self, rule: str) -> Off | None:
        """How the rule is switched off, None when it is on."""
        return next((item for item in self.off if item.rule == rule), None)


DRAFT = Standing()
"""What holds before anything was read: the safe side."""


def hash_of(content: str) -> str:
    """SHA-256 (hex) of a pack's numbers as text."""
    return hashlib.sha256(content.encode()).hexdigest()


def fingerprint(content: str) -> str:
    """SHA-256 (hex) over the pack's numbers and over the rules and their wording as installed."""
    return hashlib.sha256(f"{_rules_and_words()}\0{hash_of(content)}".encode()).hexdigest()


@cache
def shipped() -> str:
    """The text of the pack that ships with Halo."""
    return resources.files("alerts").joinpath(NUMBERS).read_text("utf-8")


def standing_of(row: Any) -> Standing:
    """The row that `SELECT` answers with."""
    return msgspec.convert({"hash": row[0], "approval": row[1], "off": row[2], "feeds": row[3]}, Standing)


async def read(conn: AsyncConnection[Any], mark: str) -> Standing:
    """The standing now, for a process that has the pack with the fingerprint `mark` loaded."""
    return standing_of(await (await conn.execute(SELECT, (mark,))).fetchone())


async def read_in_force(conn: AsyncConnection[Any]) -> tuple[str, Standing]:
    """The text of the pack in force, and its standing. LookupError when its text was never stored."""
    found = await read(conn, fingerprint(shipped()))
    if found.hash in ("", hash_of(shipped())):
        return shipped(), found
    content = content_of(await (await conn.execute(CONTENT, (found.hash,))).fetchone(), found.hash)
    return content, await read(conn, fingerprint(content))


def content_of(row: Any, wanted: str) -> str:
    """The text that `CONTENT` found. LookupError names the hash it was not found for."""
    if row is None:
        raise LookupError(f"the rule pack {wanted[:12]} is in force, but its text is not stored: `halo rules activate`")
    return str(row[0])


def keep(conn: Connection[Any], content: str, version: str) -> str:
    """Store a pack's text with the fingerprint it has here, which is returned."""
    mark = fingerprint(content)
    conn.execute(KEEP, (mark, hash_of(content), version, content))
    return mark


@cache
def _rules_and_words() -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files(), key=lambda pair: pair[0]):
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def files() -> Iterator[tuple[str, Traversable]]:
    """Everything below `alerts/` that decides or words an alert, but the numbers of the pack itself."""
    for name, file in _below(resources.files("alerts"), "alerts"):
        if name != f"alerts/{NUMBERS}":
            yield name, file


def _below(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        path = f"{name}/{item.name}"
        if item.is_dir():
            yield from _below(item, path)
        elif item.name.endswith(KINDS):
            yield path, item
