"""What a person's stored reports mean under a site file: the results they make now, against the stored ones. Pure.

The same for a preview, which writes nothing, and for the re-derivation (`services.ledger.remapping`). A result keeps
its id where its bytes do; what the file changes is what it measures, its value and unit, or whether it is read at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from alerts.result import Result
from alerts.series import Series
from schemas.patient_event import LabReport
from services.mapping.difference import Difference
from services.mapping.mapped import Mapped, Quarantined
from services.mapping.report import map_report
from services.mapping.site import Site

STEWARD = "steward"
"""Of a place that a person closed, or that is held for another reason than what the site file says: it stays so."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A stored report, with the places of its results that are not to be taken whatever the site file says."""

    report: LabReport
    record: int
    """The patient record it was stored under."""
    barred: frozenset[int] = frozenset()


class Reread(msgspec.Struct, frozen=True, kw_only=True):
    """One report under the new file."""

    message: Message
    mapped: Mapped
    results: tuple[Result, ...]
    """Of the places that may be taken."""
    held: tuple[Quarantined, ...]
    """Quarantined now, of the places that are not barred."""


class Rederived(msgspec.Struct, frozen=True, kw_only=True):
    """A person's series under the new file, and how it differs from the stored one."""

    series: Series
    reread: tuple[Reread, ...]
    added: tuple[Result, ...]
    """Ids that were not stored."""
    changed: tuple[tuple[Result, Result], ...]
    """As stored, and as it reads now: the same id means something else."""
    renewed: tuple[Result, ...]
    """Read anew with the same meaning; only `mapping_version` is another."""
    removed: tuple[Result, ...]
    """Not read any more."""

    @property
    def moved(self) -> bool:
        """Whether anything the rules read is another."""
        return bool(self.added or self.changed or self.removed)


def rederive(
    series: Series, messages: Iterable[Message], site: Site, now: datetime, difference: Difference | None = None
) -> Rederived:
    """Reports that `difference` reaches (all without one) are mapped anew, as of `now`; the others stay as stored."""
    reached = [m for m in messages if difference is None or difference.reaches(m.report)]
    reread = tuple(_reread(message, site, now) for message in reached)
    ours = {message.report.event_id for message in reached}
    before = {result.result_id: result for result in series.results()}
    kept = [result for result in before.values() if result.source.event_id not in ours]
    fresh = Series().merge([*kept, *(result for one in reread for result in one.results)])
    return _compared(fresh, reread, before)


def _compared(fresh: Series, reread: tuple[Reread, ...], before: Mapping[str, Result]) -> Rederived:
    after = {result.result_id: result for result in fresh.results()}
    both = [(before[i], result) for i, result in after.items() if i in before and result != before[i]]
    return Rederived(
        series=fresh, reread=reread,
        added=tuple(result for i, result in after.items() if i not in before),
        changed=tuple((old, new) for old, new in both if not _same(old, new)),
        renewed=tuple(new for old, new in both if _same(old, new)),
        removed=tuple(result for i, result in before.items() if i not in after),
    )  # fmt: skip


def _same(old: Result, new: Result) -> bool:
    """Alike but for where and by which version it was read."""
    return msgspec.structs.replace(new, mapping_version=old.mapping_version, source=old.source) == old


def _reread(message: Message, site: Site, now: datetime) -> Reread:
    report = message.report
    mapped = map_report(report, site, now=now)
    barred = {(report.results[n].where.segment, report.results[n].where.offset) for n in message.barred}
    return Reread(
        message=message, mapped=mapped,
        results=tuple(r for r in mapped.results if (r.source.segment, r.source.offset) not in barred),
        held=tuple(item for item in mapped.quarantined if item.index not in message.barred),
    )  # fmt: skip
