"""The winner of a slot: which version of a measurement counts, whatever order they arrived in.

Order of versions: final class (F, C, A, D, W, and a preliminary that a U promoted) before P, R, S; then version
time; then rank (W, D > C, A > F > P, R, S); then result id. B and V annotate, X, I, O, N bring no value. Within a slot,
finals with different collection times are different measurements; C, A, D, W belong to the one with their time, or
to the only one there is (design 4.2; clinical specification, result life cycle 1 and 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from alerts.result import Result, Status

PRELIMINARY = frozenset({Status.PRELIMINARY, Status.RESULTS_ENTERED, Status.PARTIAL})
WITHDRAWN = frozenset({Status.DELETED, Status.WRONG_PATIENT})
FINAL_CLASS = frozenset({Status.FINAL, Status.CORRECTED, Status.AMENDED}) | WITHDRAWN
PAST = frozenset({"late_preliminary", "superseded_on_arrival", "attempted_only", "pending"})
"""Flags that tell what became of a version, and nothing of the one that counts: for its history only."""
_RANK = {Status.WRONG_PATIENT: 3, Status.DELETED: 3, Status.CORRECTED: 2, Status.AMENDED: 2, Status.FINAL: 1}


ELECTROPHORESIS = frozenset({"mspike", "mpct", "umprot", "sife", "uife", "spep_text", "upep_text"})
"""Tests that are not finished while their result is preliminary."""
_NO_RESULT_COMES = WITHDRAWN | {Status.NO_VALUE}
_LONG = timedelta(days=5)
"""No wait that is shorter is ever late (alert behaviour 3)."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the laboratory has, from when it could be answered to when it was."""

    since: datetime
    until: datetime | None
    """None while there is no answer."""
    result: Result
    """The version that says so."""


class Measurement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One measurement through all its versions."""

    winner: Result
    preliminary: bool
    """True while the winner is a P, R or S that no U promoted: only CRITICAL alerts may come of it."""
    flags: tuple[str, ...]
    """`silent_correction`, `slot_conflict`, `version_conflict`, `reinstated`, `reinstated_held`, `preliminary`,
    `correction_without_original`, `expect_right_patient`, `status_change_without_preliminary`, and those of `PAST`;
    sorted."""

    @property
    def withdrawn(self) -> bool:
        """Deleted, or taken back as another patient's."""
        return self.winner.status in WITHDRAWN

    @property
    def attempted(self) -> bool:
        """Collected, and no value comes of it: status X, or a result that says why there is none."""
        said = self.winner.status in FINAL_CLASS - WITHDRAWN and self.winner.reason != "pending"
        return self.winner.kind == "NO_VALUE" and (said or self.winner.status is Status.NO_VALUE)

    @property
    def countable(self) -> bool:
        """A value the rules may use: a bare B, V or U without the result that it speaks of brings none."""
        brings_value = self.winner.status in FINAL_CLASS - WITHDRAWN or self.winner.status in PRELIMINARY
        return brings_value and self.winner.kind != "NO_VALUE"


def content(result: Result) -> tuple[object, ...]:
    """All that rules or readers use; two versions that agree in it say the same."""
    return (
        result.kind, result.value, result.comparator, result.coded, result.reason, result.unit, result.collected_at,
        result.reference_low, result.reference_high, result.method, result.flags, result.comments, result.specimen,
    )  # fmt: skip


def waited(versions: Iterable[Result]) -> Wait | None:
    """How long one slot was without a result, where that was long; a function of the set of its versions."""
    ordered = sorted(versions, key=lambda version: (version.version_time, version.result_id))
    first = next((version for version in ordered if _awaits(version)), None)
    if first is None:
        return None
    answers = [version.version_time for version in ordered if _answers(version)]
    since = max(first.version_time, first.collected_at)
    if answers and answers[0] - since < _LONG:
        return None
    return Wait(since=since, until=min(answers, default=None), result=first)


def _awaits(version: Result) -> bool:
    """The order is known, or not finished."""
    unfinished = version.analyte in ELECTROPHORESIS and version.status in PRELIMINARY
    return version.status is Status.PENDING or version.reason == "pending" or unfinished


def _answers(version: Result) -> bool:
    """A result, or word that there will be none."""
    final = version.status in FINAL_CLASS | _NO_RESULT_COMES or version.status is Status.PROMOTED
    return (final and version.reason != "pending") or (version.status in PRELIMINARY and not _awaits(version))


def fold(versions: Iterable[Result]) -> tuple[Measurement, ...]:
    """All measurements of one slot, a function of the set of its versions."""
    ordered = sorted(versions, key=lambda version: (version.version_time, version.result_id))
    groups = _by_measurement(ordered)
    extra = ("slot_conflict",) if len(groups) > 1 else ()
    return tuple(_measurement(group, extra) for group in groups if group)


def _by_measurement(versions: list[Result]) -> list[list[Result]]:
    """Split a slot that was used for several collections."""
    times = _base_times(versions)
    if len(times) <= 1:
        return [versions]
    groups: dict[datetime, list[Result]] = {}
    for version in versions:
        groups.setdefault(version.collected_at, []).append(version)
    return [groups[time] for time in sorted(groups)]


def _base_times(versions: list[Result]) -> set[datetime]:
    for statuses in ({Status.FINAL}, PRELIMINARY, FINAL_CLASS):
        times = {version.collected_at for version in versions if version.status in statuses}
        if times:
            return times
    return set()


def _measurement(versions: list[Result], extra: tuple[str, ...]) -> Measurement:
    promoted = _promoted(versions)
    candidates = [v for v in versions if v.status in FINAL_CLASS or v.status in PRELIMINARY]
    if not candidates:
        return Measurement(
            winner=versions[-1], preliminary=False, flags=tuple(sorted({*extra, *_without_value(versions)}))
        )
    candidates.sort(key=lambda v: _order(v, promoted))
    winner, flags = candidates[0], set(extra)
    for index, version in enumerate(candidates[1:], start=1):
        winner, flag = _compete(winner, version, candidates[:index])
        flags.add(flag)
    preliminary = winner.status in PRELIMINARY and winner.result_id not in promoted
    flags |= {"preliminary"} if preliminary or promoted else set()
    flags |= _of_statuses({version.status for version in versions}, winner)
    flags |= {flag for version in versions if (flag := _past(version, winner, promoted))}
    return Measurement(winner=winner, preliminary=preliminary, flags=tuple(sorted(flags - {""})))


def _without_value(versions: list[Result]) -> set[str]:
    """Nothing was measured: it was tried (X), or is still awaited (I)."""
    statuses = {version.status for version in versions}
    return {"attempted_only"} if Status.NO_VALUE in statuses else {"pending"} if Status.PENDING in statuses else set()


def _past(version: Result, winner: Result, promoted: frozenset[str]) -> str:
    """What is to be said of a version that lost: it came after the one that counts and changes nothing."""
    final = winner.status in FINAL_CLASS or winner.result_id in promoted
    if not final or version.result_id == winner.result_id:
        return ""
    if version.status in PRELIMINARY or version.status is Status.PENDING:
        late = version.result_id not in promoted and version.version_time > winner.version_time
        return "late_preliminary" if late else ""
    lost = version.status in FINAL_CLASS and _order(version, promoted) < _order(winner, promoted)
    after = version.received_at > winner.received_at and content(version) != content(winner)
    return "superseded_on_arrival" if lost and after else ""


def _of_statuses(statuses: set[Status], winner: Result) -> set[str]:
    """What the steward must know of a measurement whose parts do not make a whole."""
    found = {
        "correction_without_original": statuses.isdisjoint({Status.FINAL} | PRELIMINARY)
        and winner.status in (Status.CORRECTED, Status.AMENDED),
        "expect_right_patient": winner.status is Status.WRONG_PATIENT,
        "status_change_without_preliminary": Status.PROMOTED in statuses and statuses.isdisjoint(PRELIMINARY),
    }
    return {flag for flag, holds in found.items() if holds}


def _promoted(versions: list[Result]) -> frozenset[str]:
    """Each U makes the newest preliminary that is not younger than itself final."""
    ids = set()
    for message in (v for v in versions if v.status is Status.PROMOTED):
        earlier = [v for v in versions if v.status in PRELIMINARY and v.version_time <= message.version_time]
        ids |= {earlier[-1].result_id} if earlier else set()
    return frozenset(ids)


def _order(version: Result, promoted: frozenset[str]) -> tuple[bool, datetime, int, str]:
    final = version.status in FINAL_CLASS or version.result_id in promoted
    return (final, version.version_time, _RANK.get(version.status, 0), version.result_id)


def _compete(winner: Result, version: Result, earlier: list[Result]) -> tuple[Result, str]:
    """The better of two, the later one in order given second, and what is to be said about it."""
    if version.status is winner.status and content(version) == content(winner):
        return winner, ""
    if winner.status is Status.WRONG_PATIENT and version.status in WITHDRAWN:
        return winner, ""  # a later D must not turn another patient's value into one of this patient's own history
    if version.status not in WITHDRAWN and _held(winner, version, earlier):
        return winner, "reinstated_held"
    if _conflict(winner, version):
        return version, "version_conflict"
    return version, _remark(winner, version)


def _conflict(winner: Result, version: Result) -> bool:
    """Equal in everything the order knows, so that only the id decided, and yet they say different things."""
    same_place = winner.version_time == version.version_time and _RANK.get(winner.status) == _RANK.get(version.status)
    return same_place and version.status not in WITHDRAWN and content(winner) != content(version)


def _remark(winner: Result, version: Result) -> str:
    if winner.status is Status.DELETED and version.status not in WITHDRAWN:
        return "reinstated"
    return "silent_correction" if version.status is winner.status is Status.FINAL else ""


def _held(winner: Result, version: Result, earlier: list[Result]) -> bool:
    """After W nothing comes back without a steward; after D, or repeating old words, only with a time of its own."""
    if winner.status is Status.WRONG_PATIENT:
        return True
    if version.version_time_from in ("OBR-22", "OBX-19"):
        return False
    return winner.status is Status.DELETED or _repeats(version, earlier)


def _repeats(version: Result, earlier: list[Result]) -> bool:
    """The same words again after they were corrected, with nothing but a message time to say so."""
    said = content(version)
    return any(old.status == version.status and content(old) == said for old in earlier)
