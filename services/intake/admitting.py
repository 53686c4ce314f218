"""Whether a message may come in: the `[[sender]]` entries of the site file against who really sent it.

Asked after the message was read and before anything is stored. Pure. What the entry says about laboratories, patient
authorities, environment and zone is about meaning and is the ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from schemas.patient_event import PatientMerge
from services.intake.origin import Origin
from services.mapping.site import Sender, Site
from services.reading.header import Header
from services.reading.hl7v2 import IGNORED_TYPE
from services.reading.outcome import UNSUPPORTED_MESSAGE_TYPE, Outcome, Refusal

ANY = "default"
"""The feed of every sender where none is listed."""
UNLISTED = "unlisted"
"""The feed of all that is not listed, or cannot say who it is."""
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`feed` is the sender's name in the site file, and safe as a label of a metric."""

    feed: str
    sender: Sender | None = None
    refusal: Refusal | None = None
    ignored: bool = False
    """Well-formed, from a listed sender, and of a type that is not taken from it: answered AA, counted."""


def feed_of(site: Site, header: Header | None) -> tuple[str, Sender | None]:
    """Which feed a message belongs to, by what it says of itself."""
    if not site.senders:
        return ANY, None
    sender = site.sender(header.sender) if header else None
    return (sender.name, sender) if sender else (UNLISTED, None)


def admit(site: Site, outcome: Outcome, origin: Origin) -> Verdict:
    """May this be taken, from there? A refusal says why not; who the message says it is comes before what it says."""
    header = outcome.header
    feed, sender = feed_of(site, header)
    if header is None or not site.senders:
        return Verdict(feed=feed)
    if sender is None:
        return Verdict(feed=feed, refusal=_unlisted(header))
    if not _fits(sender, origin):
        return Verdict(feed=UNLISTED, refusal=_elsewhere(sender))
    if outcome.refusal is not None:
        return Verdict(feed=feed, sender=sender)
    if outcome.ignored == IGNORED_TYPE or not _is_listed(sender, header):
        refusal = _unused(header) if sender.unused_type == "AR" else None
        return Verdict(feed=feed, sender=sender, refusal=refusal, ignored=refusal is None)
    merges = any(isinstance(event, PatientMerge) for event in outcome.events)
    refusal = _no_merges(sender) if merges and not sender.may_merge else None
    return Verdict(feed=feed, sender=sender, refusal=refusal)


@lru_cache(maxsize=4096)
def _fits(sender: Sender, origin: Origin) -> bool:
    """The same for all messages of a connection."""
    return origin.comes_from(sender.addresses) and origin.shows(sender.certificate)


def _is_listed(sender: Sender, header: Header) -> bool:
    kinds = sender.message_types
    return not kinds or header.type in kinds or f"{header.type}^{header.trigger}" in kinds


def _unlisted(header: Header) -> Refusal:
    who = header.sender[:_SHOWN]
    text = f"MSH-3|MSH-4 ({who}) is no sender of this hospital; ask for a [[sender]] entry in the site file"
    return Refusal(reason="unlisted_sender", text=text, location="MSH^1^3")


def _elsewhere(sender: Sender) -> Refusal:
    text = f"{sender.name}: this address or client certificate is not the one in the site file"
    return Refusal(reason="sender_not_from_here", text=text, location="MSH^1^3")


def _unused(header: Header) -> Refusal:
    text = f"{header.message_type[:_SHOWN]} is not taken from this sender; do not send it"
    return Refusal(reason="unused_type", text=text, condition=UNSUPPORTED_MESSAGE_TYPE, location="MSH^1^9")


def _no_merges(sender: Sender) -> Refusal:
    text = f"{sender.name} may not merge patients; set may_merge in its [[sender]] entry if it may"
    return Refusal(reason="merge_not_allowed", text=text, location="MSH^1^9")
