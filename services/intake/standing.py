"""The site file as it stands: read at start, again when it changes; a faulty new one changes nothing and is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from services.intake import metrics
from services.intake.telling import Tell
from services.ledger.operations import Technical
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import SiteInvalid, read_site
from services.shared.log import get_logger

LOOK_SECONDS = 2.0
KIND = "site_file_faulty"

logger = get_logger()


class StandingSite:
    """Ask `current` for each message: it never fails and never waits."""

    def __init__(self, path: Path | None, tell: Tell, objects: Callable[[Site], str] = lambda _site: "") -> None:
        """SiteInvalid or OSError when the file cannot be used at start.

        `objects` says why a site cannot be served as this process is set up ("" when it can).
        """
        self._path, self._tell, self._objects = path, tell, objects
        self._seen = self._look()
        self.current = self._read()

    def _read(self) -> Site:
        path = self._path
        site = read_site(path.read_text("utf-8-sig"), str(path)) if path else DEFAULT_SITE
        if why := self._objects(site):
            raise SiteInvalid(f"{path}: {why}" if path else why)
        return site

    def _look(self) -> tuple[int, int, int] | None:
        """What changes when the file does, also when another is moved in its place."""
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def read_again(self) -> None:
        """Take the file as it is now; keep what is in force when it cannot be used, and tell operations."""
        self._seen = self._look()
        try:
            site = self._read()
        except (SiteInvalid, OSError, UnicodeDecodeError) as error:
            metrics.SITE_FAULTY.set(1)
            logger.warning("site_file.faulty", error=str(error), in_force=self.current.version)
            self._tell(_faulty(error, self.current))
            return
        metrics.SITE_FAULTY.set(0)
        if site.version != self.current.version:
            logger.info("site_file.in_force", version=site.version, senders=len(site.senders))
        self.current = site

    async def watch(self) -> None:
        """For ever: look at the file every two seconds."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._look() != self._seen:
                self.read_again()


def _faulty(error: Exception, kept: Site) -> Technical:
    """The same mistake beside the same good file is one alert; after a good one in between it is a new one."""
    detail = (
        f"intake keeps working with the site file it had ({kept.version}): the new one cannot be used. {error}. "
        "Correct it; it is read again by itself"
    )
    detail_sl = (
        f"sprejem dela naprej s prejšnjo datoteko ustanove ({kept.version}): nove ni mogoče uporabiti. {error}. "
        "Popravite jo; prebrana bo sama"
    )
    key = f"{KIND}:{kept.version}:{sha256(str(error).encode()).hexdigest()[:12]}"
    return Technical(key=key, kind=KIND, detail=detail, detail_sl=detail_sl)
