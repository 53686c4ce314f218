"""MYELOMA_DEFINING_EVENT: involved/uninvolved light chains >= 100 with involved >= 100 mg/L [R:17] (relapse 8): HIGH.

For smouldering patients. Never ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from alerts.clone import Chain
from alerts.intervals import ratio
from alerts.logic import INDETERMINATE, TRUE
from alerts.myeloma.disease import taken_up
from alerts.myeloma.flc import Pair, side_of
from alerts.myeloma.notes import shown as written
from alerts.myeloma.smouldering import defining_event, ever, smouldering
from alerts.rule import Judgement, Rule, View
from alerts.severity import Severity
from alerts.stepping import Resumed, Step, Trail, steps_at, up_to


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    """One judgement a draw of both light chains taken while the patient is smouldering."""
    if not ever(view):
        return Trail()
    now, at = taken_up(view, known.kept, since)

    def draws(_: object) -> Iterator[Step]:
        for pair in now.light[up_to(now.light, at) :]:
            chain = side_of(view.pack, pair.ratio) or now.chain  # the involved one is what this ratio leans to [R:17]
            if chain is not None and smouldering(view, pair.kappa.at):
                yield from steps_at(pair.kappa.at, None, [_judge(view, pair, chain)])

    return known.onward(at, draws, now)


def _judge(view: View, pair: Pair, chain: Chain) -> Judgement:
    node, point = defining_event(view.pack, pair, chain), pair.involved(chain)
    truth = node.truth
    return Judgement(
        at=pair.kappa.at,
        slot=point.result.slot,
        truth=truth,
        node=node,
        level="MYELOMA_DEFINING_EVENT" if truth is TRUE else "",
        severity=Severity.HIGH if truth is TRUE else None,
        analyte=point.result.analyte,
        value=None if point.result.comparator else point.result.value,
        unit=point.result.unit,
        flags=point.flags if truth is TRUE else (),
        missing=(pair.uninvolved(chain).result.analyte,) if truth is INDETERMINATE else (),
        possible=(Severity.HIGH,) if truth is INDETERMINATE else (),
        facts=_facts(pair, chain) if truth is TRUE else {},
    )


def _facts(pair: Pair, chain: Chain) -> dict[str, str]:
    """The ratio for reading, to a whole number, half up; a bound where a chain is censored."""
    quotient = ratio(pair.involved(chain).interval, pair.uninvolved(chain).interval)
    exact = quotient.exact
    return {"ratio": written(quotient) if exact is None else str(exact.quantize(Decimal(1), ROUND_HALF_UP))}


RULE = Rule(
    name="MYELOMA_DEFINING_EVENT",
    family="relapse",
    inputs=frozenset({"flck", "flcl", "sife"}),
    judge=Resumed(_onward),
    delivery="working_hours",
)
