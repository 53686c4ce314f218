"""The rules in force as the pages say them: which pack, draft or approved, and what is switched off."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from psycopg import AsyncConnection

from alerts.thresholds import Pack, default_pack, load
from services.shared import rule_pack
from services.shared.log import logger
from services.shared.rule_pack import DRAFT, Off, Standing

_packs: dict[str, Pack] = {}
"""Packs that were in force since this process began, by the hash of their numbers; a handful in a lifetime."""


class RulesNow(msgspec.Struct, frozen=True, kw_only=True):
    """Looked at every second; before the first look the rules count as a draft."""

    version: str
    hash: str
    """Of the numbers loaded here."""
    mark: str
    """Their fingerprint."""
    standing: Standing = DRAFT

    @property
    def pack(self) -> Pack:
        """The numbers in force."""
        return _packs.get(self.hash) or default_pack()

    @property
    def draft(self) -> bool:
        """Not approved for clinical use."""
        return self.standing.status == "draft"

    @property
    def off(self) -> tuple[Off, ...]:
        """Rules that are evaluated but told to nobody."""
        return self.standing.off

    @property
    def stamp(self) -> str:
        """Changes with anything that a page says of the rules: screens reload then."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:8]


def shipped() -> RulesNow:
    """The pack that ships, not approved until somebody says so."""
    content = rule_pack.shipped()
    return RulesNow(
        version=default_pack().version, hash=rule_pack.hash_of(content), mark=rule_pack.fingerprint(content)
    )


async def look(conn: AsyncConnection[Any], before: RulesNow) -> RulesNow:
    """What holds now. A pack whose text cannot be read is shown as a draft."""
    found = await rule_pack.read(conn, before.mark)
    if (found.hash or shipped().hash) == before.hash:
        return msgspec.structs.replace(before, standing=found)
    try:
        content, found = await rule_pack.read_in_force(conn)
        pack = _packs[rule_pack.hash_of(content)] = load(content)
    except (LookupError, ValueError) as error:
        logger.error("rules.unreadable", error=f"{type(error).__name__}: {error}")
        return msgspec.structs.replace(before, standing=msgspec.structs.replace(found, approval=None))
    return RulesNow(
        version=pack.version, hash=rule_pack.hash_of(content), mark=rule_pack.fingerprint(content), standing=found
    )
