"""Puts a ledger together from the settings; the same for the processor, the tests and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from alerts.rule import Rule
from alerts.rules import RULES
from alerts.thresholds import default_pack
from services.ledger.batch import Ledger
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal, load_key
from services.ledger.lapsing import Lapses
from services.ledger.record import StreamName
from services.ledger.telling import Teller
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import read_site
from services.shared import database
from services.shared.channels import load_channels
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS

L = TypeVar("L", bound=Ledger)


def load_site(path: Path | None) -> Site:
    """The hospital's site file, the default site without one. SiteInvalid or OSError name file and mistake."""
    return read_site(path.read_text("utf-8-sig"), str(path)) if path else DEFAULT_SITE


def open_journal(settings: Settings) -> Journal:
    """The alert log with this installation's key."""
    return Journal(load_key(settings.audit_key_file or settings.data_dir / "audit.key"))


def open_ledger(
    settings: Settings, stream: StreamName, *, rules: Sequence[Rule] = RULES, cached_patients: int = 5000
) -> Ledger:
    """A ledger that connects when it is first used."""
    return _made(Ledger, settings, stream, rules, cached_patients)


def open_lapses(settings: Settings, *, rules: Sequence[Rule] = RULES) -> Lapses:
    """What lets time pass; it connects when it is first used."""
    nothing_comes = StreamName(group=settings.consumer_group, cluster_id="", topic=PATIENT_EVENTS, topic_id="")
    return _made(Lapses, settings, nothing_comes, rules, 0)


def _made(kind: type[L], settings: Settings, stream: StreamName, rules: Sequence[Rule], cached_patients: int) -> L:
    process = "clock" if kind is Lapses else "processor"
    site = load_site(settings.site)
    teller = Teller(load_channels(settings.channels), site.version, made_up=settings.realm == "demo")
    teller.follow(site)
    return kind(
        lambda: database.connect_writer(settings.database, process), stream, site=site,
        rules=Rules(rules, default_pack()), teller=teller,
        journal=open_journal(settings), zone=site.zone, cached_patients=cached_patients,
    )  # fmt: skip
