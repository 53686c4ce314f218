"""Which site file a transaction reads results by: the version in force, whose bytes live in the database (ADR 0011).

The file of HALO_SITE is taken over once, by the first ledger that meets a database without one; from then on only
`halo site apply` changes what is in force, and every process reads that one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.ledger.errors import SiteChanged, SiteUnusable
from services.ledger.patients import PatientRow
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import SiteInvalid, read_site
from services.shared.log import logger

FIRST = "first start"
"""Who put the file of HALO_SITE in force."""
VERSION: LiteralString = """
SELECT version FROM active_version WHERE kind = 'site' AND from_at <= clock_timestamp()
ORDER BY from_at DESC, id DESC LIMIT 1
"""
_CONTENT: LiteralString = "SELECT content FROM site_file WHERE version = %s"
KEEP: LiteralString = "INSERT INTO site_file (version, hash, content) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_ADOPT: LiteralString = """
INSERT INTO active_version (kind, version, hash, from_at, who)
SELECT 'site', %(version)s, %(hash)s, clock_timestamp(), %(who)s
WHERE NOT EXISTS (SELECT FROM active_version WHERE kind = 'site')
"""
_ONE_WRITER: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('halo site file'))"
_ODD: LiteralString = """
UPDATE patient SET site_version = %(odd)s WHERE id = ANY(%(ids)s) AND site_version <> %(odd)s
"""
_MARK: LiteralString = "UPDATE patient SET site_version = %s WHERE id = ANY(%s) AND site_version = ''"


async def in_force(conn: AsyncConnection[Any], site: Site) -> Site:
    """`site`, or the one in force now. SiteUnusable: what is in force cannot be read by this program."""
    version = await version_in_force(conn)
    if version == site.version:
        return site
    if not version:
        return await adopt(conn, site)
    logger.info("site.reloaded", version=version, before=site.version)
    return await read(conn, version)


async def known(conn: AsyncConnection[Any], site: Site) -> Site:
    """The file in force, `site` where none ever was; writes nothing. SiteUnusable."""
    version = await version_in_force(conn)
    return site if version in ("", site.version) else await read(conn, version)


async def version_in_force(conn: AsyncConnection[Any]) -> str:
    """Empty while no file was ever in force."""
    row = await (await conn.execute(VERSION)).fetchone()
    return str(row[0]) if row else ""


async def adopt(conn: AsyncConnection[Any], site: Site) -> Site:
    """Put the file that a process was started with in force where none ever was; nothing without a file."""
    if not site.content:
        return site
    await conn.execute(_ONE_WRITER)
    await keep(conn, site)
    values = {"version": site.version, "hash": hash_of(site.content), "who": FIRST}
    await conn.execute(_ADOPT, values)
    version = await version_in_force(conn)
    return site if version == site.version else await read(conn, version)


async def keep(conn: AsyncConnection[Any], site: Site) -> None:
    """Store the file's bytes under its version."""
    await conn.execute(KEEP, (site.version, hash_of(site.content), site.content.encode()))


async def read(conn: AsyncConnection[Any], version: str) -> Site:
    """The site file of this version. SiteUnusable when it is not stored or is none to this program."""
    if version == DEFAULT_SITE.version:
        return DEFAULT_SITE
    row = await (await conn.execute(_CONTENT, (version,))).fetchone()
    if row is None:
        raise SiteUnusable(f"the site file {version} is in force, but its text is not stored: `halo site apply FILE`")
    try:
        return read_site(bytes(row[0]).decode(), f"site file {version} in the database")
    except (SiteInvalid, UnicodeDecodeError) as error:
        raise SiteUnusable(f"{error}. It is in force; apply one that can be read: halo site apply FILE") from error


async def read_if_readable(conn: AsyncConnection[Any], version: str) -> Site | None:
    """The same of one that is in force no more; None where `read` cannot."""
    try:
        return await read(conn, version)
    except SiteUnusable as error:
        logger.warning("site.before_unreadable", version=version, error=str(error))
        return None


async def current(conn: AsyncConnection[Any], site: Site) -> None:
    """Look again under the patients' locks. SiteChanged: another came into force meanwhile, start again."""
    version = await version_in_force(conn)
    if version and version != site.version:
        raise SiteChanged


async def mark_new(conn: AsyncConnection[Any], records: list[int], site: Site) -> None:
    """Records that no site file read anything of yet, now by this one."""
    if records and site.content:
        await conn.execute(_MARK, (site.version, records))


async def mark_mixed(conn: AsyncConnection[Any], rows: Mapping[int, PatientRow], site: Site) -> None:
    """After a merge: where one record is behind, everybody in it is, until they are re-derived together."""
    odd = sorted({row.site_version for row in rows.values()} - {"", site.version})
    if odd:
        await conn.execute(_ODD, {"odd": odd[0], "ids": list(rows)})


def hash_of(content: str) -> str:
    """SHA-256 (hex) of a site file."""
    return hashlib.sha256(content.encode()).hexdigest()
