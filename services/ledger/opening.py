"""Puts a ledger together from the settings; the same for the processor, the tests and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alerts.rule import Rule
from alerts.rules import RULES
from alerts.thresholds import default_pack
from services.ledger.batch import Ledger
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal, load_key
from services.ledger.record import StreamName
from services.ledger.telling import Teller
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import read_site
from services.shared import database
from services.shared.channels import load_channels
from services.shared.settings import Settings


def load_site(path: Path | None) -> Site:
    """The hospital's site file, the default site without one. SiteInvalid or OSError name file and mistake."""
    return read_site(path.read_text("utf-8"), str(path)) if path else DEFAULT_SITE


def open_journal(settings: Settings) -> Journal:
    """The alert log with this installation's key."""
    return Journal(load_key(settings.audit_key_file or settings.data_dir / "audit.key"))


def open_ledger(
    settings: Settings, stream: StreamName, *, rules: Sequence[Rule] = RULES, cached_patients: int = 5000
) -> Ledger:
    """A ledger that connects when it is first used."""
    site = load_site(settings.site)
    return Ledger(
        lambda: database.connect(settings.database, "processor", autocommit=True), stream, site=site,
        rules=Rules(rules, default_pack()),
        teller=Teller(load_channels(settings.channels), site.version, made_up=settings.realm == "demo",
                      watched=site.file.enrolment.watch),
        journal=open_journal(settings), zone=site.zone, cached_patients=cached_patients,
    )  # fmt: skip
