"""Which rules a transaction works by: the pack in force, whether it is approved, and the rules switched off."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from alerts.pack_check import lacking
from alerts.thresholds import load
from services.ledger.errors import PackUnusable
from services.ledger.evaluating import Rules
from services.shared import feeds, rule_pack
from services.shared.log import logger
from services.shared.rule_pack import Standing


async def in_force(conn: AsyncConnection[Any], rules: Rules) -> tuple[Rules, Standing]:
    """`rules`, or those with the pack that is in force now, and their standing.

    PackUnusable: the pack in force cannot be run by this program; the process must end rather than judge by another.
    """
    standing = await _read(conn, rules)
    wanted = standing.hash or rule_pack.hash_of(rule_pack.shipped())
    if wanted != rules.hash:
        rules = await _loaded(conn, rules, wanted)
        logger.info("rules.reloaded", version=rules.pack.version, fingerprint=rules.mark[:12])
        standing = await rule_pack.read(conn, rules.mark)
    rules.live_from, rules.has_feeds = feeds.begun(standing.feeds), bool(standing.feeds)
    return rules, standing


async def _read(conn: AsyncConnection[Any], rules: Rules) -> Standing:
    """Where there are feeds, whoever makes one live or silent waits for us, or we see what was decided."""
    if rules.has_feeds:
        await conn.execute(feeds.SHARED)
    standing = await rule_pack.read(conn, rules.mark)
    if standing.feeds and not rules.has_feeds:
        await conn.execute(feeds.SHARED)
        standing = await rule_pack.read(conn, rules.mark)
    return standing


async def keep(conn: AsyncConnection[Any], rules: Rules) -> None:
    """What runs here is on record, text and fingerprint."""
    await conn.execute(rule_pack.KEEP, (rules.mark, rules.hash, rules.pack.version, rules.content))


async def _loaded(conn: AsyncConnection[Any], rules: Rules, wanted: str) -> Rules:
    content = rule_pack.shipped()
    if wanted != rule_pack.hash_of(content):
        row = await (await conn.execute(rule_pack.CONTENT, (wanted,))).fetchone()
        try:
            content = rule_pack.content_of(row, wanted)
        except LookupError as error:
            raise PackUnusable(str(error)) from error
    try:
        pack = load(content)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise PackUnusable(f"the rule pack {wanted[:12]} in force is no rule pack: {error}") from error
    missing = lacking(pack)
    if missing:
        names = ", ".join(missing)
        raise PackUnusable(f"the rule pack in force, {pack.version}, lacks what the rules read: {names}. "
                           "Activate one that has it: halo rules activate")  # fmt: skip
    return Rules(rules.rules, pack, content)
