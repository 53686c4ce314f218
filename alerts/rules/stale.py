"""STALE: a test that the patient is followed by is late, or an ordered one has no result (alert behaviour 3) [S][E].

STALE_INFO from I + 14 d, STALE_OVERDUE MEDIUM from 1.5 I, HIGH from 2 I or when overdue and rising or an alert is open;
STALE_PENDING for an order without a result.
One episode however many tests are late: the most severe counts, of equals the one due longest; it ends when none is
late. Its opening is the due time and its anchor the last valued slot of the test that was late first.

The only rule that reads `as_of`, and what the other rules say (`View.alerts`): it is asked last and every time.
"""

from __future__ import annotations

from alerts.condition import any_of
from alerts.logic import FALSE, TRUE
from alerts.overdue.markers import MARKERS
from alerts.overdue.timeline import Moment, timeline
from alerts.rule import Judgement, Rule, View


def judge(view: View) -> list[Judgement]:
    """One judgement at each moment up to `as_of` at which what is late changed."""
    return [_judgement(moment) for moment in timeline(view) if moment.at <= view.as_of]


def _judgement(moment: Moment) -> Judgement:
    node = any_of(*(late.node for late in moment.late), name="overdue")
    if not moment.late:
        cause = "" if moment.followed else "no_longer_followed"
        return Judgement(at=moment.at, slot="", truth=FALSE, node=node, clears=TRUE, clear_cause=cause)
    first = moment.late[0]
    return Judgement(
        at=moment.at,
        slot=first.slot,
        truth=TRUE,
        node=node,
        level=first.level,
        severity=first.severity,
        clears=FALSE,
        analyte=first.analyte,
        flags=tuple(sorted({*first.flags, *(["several_late"] if moment.late[1:] else [])})),
        facts=first.facts | {"late": ",".join(late.name for late in moment.late)},
    )


RULE = Rule(
    name="STALE",
    family="overdue_test",
    inputs=frozenset(name for marker in MARKERS for name in marker.analytes),
    judge=judge,
    delivery="working_hours",
    timed=True,
)
