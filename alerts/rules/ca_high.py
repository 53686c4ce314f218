"""CA_HIGH: calcium too high, and whether protein may be pretending it (calcium 3 and 4).

No second sample is needed. CRITICAL above 3.4, or above 3.0 with kidney injury or a rise of more than 0.25 in 7 days.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial

import msgspec

from alerts.calcium_basis import Reading, Sample, earlier
from alerts.calcium_judging import Grades, Side, judge, settled, settled_by_final
from alerts.calm import misses, number
from alerts.condition import Node, Quantity, all_of, any_of, compare, fact
from alerts.counterfactual import leaves
from alerts.intervals import difference, lowest
from alerts.kidney import aki_stage_in_force
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, compares
from alerts.pseudohypercalcaemia import Suppression, protein_may_bind
from alerts.rule import Judgement, Rule, View
from alerts.severity import Severity
from alerts.stepping import BESIDE, Walk
from alerts.thresholds import Pack

_FIXED = ("ca_high.severe", "ca_high.with_aki_or_rise", "ca_high.halo")
"""Limits that do not depend on the laboratory's own."""


def _grades(view: View, reading: Reading) -> Grades:
    """Each severity of an adjusted or total calcium; the laboratory's own upper limit goes first."""
    pack, value = view.pack, reading.quantity
    upper = _upper(pack, reading)
    return {
        Severity.CRITICAL: any_of(compare(value, pack.limit("ca_high.severe")), _aggravated(view, reading)),
        Severity.HIGH: any_of(
            compare(value, pack.limit("ca_high.halo")),
            compare(value, pack.limit("ca_high.uln_plus"), upper + pack["ca_high.uln_plus"]),
        ),
        Severity.MEDIUM: compare(value, pack.limit("ca_high.uln"), upper),
    }


def _upper(pack: Pack, reading: Reading) -> Decimal:
    return reading.reference_high if reading.reference_high is not None else pack["ca_high.uln"]


def _calm(view: View, reading: Reading) -> bool:
    pack, exact = view.pack, number(reading.quantity.interval)
    if exact is None or not misses(pack, reading.quantity.interval, _FIXED):
        return False
    upper, plus = _upper(pack, reading), pack.limit("ca_high.uln_plus")
    beyond = compares(exact, plus.operator, upper + plus.value)
    return not beyond and not compares(exact, pack.limit("ca_high.uln").operator, upper)


def _aggravated(view: View, reading: Reading) -> Node:
    """Above 3.0 together with kidney injury or a quick rise; neither is looked up below that."""
    above = compare(reading.quantity, view.pack.limit("ca_high.with_aki_or_rise"))
    return above if above.truth is FALSE else all_of(above, any_of(_kidney(view, reading), _rise(view, reading)))


def _kidney(view: View, reading: Reading) -> Node:
    aki = aki_stage_in_force(view, reading.at)
    if aki is None:
        return fact("aki_stage_1_or_more", INDETERMINATE)
    limit = view.pack.limit("ca_high.aki_stage")
    if Interval.exactly(Decimal(aki.stage)).test(limit.operator, limit.value) is TRUE:
        return fact("aki_stage_1_or_more", TRUE, aki.results)
    open_question = Interval.exactly(Decimal(aki.possible_stage)).test(limit.operator, limit.value) is TRUE
    return fact("aki_stage_1_or_more", INDETERMINATE if open_question else FALSE, aki.results)


def _rise(view: View, reading: Reading) -> Node:
    """Over the lowest value on the same basis in the prior 7 days; unknown without one."""
    before, now = [found.quantity for found in earlier(view, reading)], reading.quantity
    known = [quantity.interval for quantity in before if quantity.interval]
    interval = difference(now.interval, lowest(known)) if known and now.interval else None
    used = tuple(dict.fromkeys(result for quantity in (now, *before) for result in quantity.results))
    rise = Quantity(name="calcium_rise_7_d", interval=interval, unit="mmol/L", results=used)
    return compare(rise, view.pack.limit("ca_high.rise"))


def _ionised_grades(view: View, reading: Reading) -> Grades:
    pack, value = view.pack, reading.quantity
    return {
        Severity.CRITICAL: compare(value, pack.limit("ca_high.ionised_critical")),
        Severity.HIGH: compare(value, pack.limit("ca_high.ionised_high")),
        Severity.MEDIUM: compare(value, pack.limit("ca_high.ionised_uln"), reading.reference_high),
    }


def _not_raised(view: View, reading: Reading) -> Node:
    return compare(reading.quantity, view.pack.limit("ca_high.ionised_not_raised"), reading.reference_high)


def _low_total(view: View, reading: Reading) -> Node:
    return compare(reading.quantity, view.pack.limit("ca_low.high"))


_AGGRAVATING = {"aki_stage_1_or_more": "with_aki", "calcium_rise_7_d": "fast_rise"}

SIDE = Side(
    level="CA_HIGH",
    grades=_grades,
    ionised_grades=_ionised_grades,
    ionised_normal=_not_raised,
    calm=_calm,
    normal_flag="ionised_not_raised",
    clearing_limit="ca_high.clear",
    clears_by_a_fall=True,
    opposite=_low_total,
)


def _step(view: View, at: datetime, suppression: Suppression) -> tuple[Suppression, Judgement | None]:
    """A value once shown to be pretended quiets the next ones for a while."""
    judge_sample = partial(_at_sample, view)
    pair = settled(view, at, judge_sample)
    if pair and "preliminary" in pair[1].flags and suppression.quiets(view, *pair):
        pair = settled_by_final(view, at, judge_sample)  # quiet is not CRITICAL, so preliminary values say nothing
    return suppression.after(view, *pair) if pair else (suppression, None)


def _at_sample(view: View, sample: Sample) -> Judgement:
    judgement = judge(SIDE, view, sample)
    flags = {*judgement.flags, *_protein_flags(view, sample, judgement), *_kidney_unknown(judgement)}
    return msgspec.structs.replace(judgement, flags=tuple(sorted(flags)), facts=judgement.facts | _why(judgement))


def _protein_flags(view: View, sample: Sample, judgement: Judgement) -> set[str]:
    """Ionised calcium unknown: ask for it, the severity stays; not raised: the protein explains the total."""
    if judgement.truth is not TRUE or not sample.readings:
        return set()
    if protein_may_bind(view, sample.readings[0]) is not TRUE:
        return set()
    if sample.ionised is None:
        return {"measure_ionised_first"}
    return {"pseudohypercalcaemia"} if "ionised_not_raised" in judgement.flags else set()


def _kidney_unknown(judgement: Judgement) -> set[str]:
    """HIGH that would be CRITICAL with a kidney injury, and no creatinine to tell."""
    open_question = judgement.severity is Severity.HIGH and _has_unknown_kidney(judgement.node)
    return {"aki_unknown"} if open_question else set()


def _why(judgement: Judgement) -> dict[str, str]:
    """What makes a calcium above 3.0 CRITICAL where the number alone does not, for the headline."""
    if judgement.severity is not Severity.CRITICAL:
        return {}
    met = [leaf for leaf in leaves(judgement.node) if leaf.truth is TRUE]
    if any(leaf.limit in {"ca_high.severe", "ca_high.ionised_critical"} for leaf in met):
        return {}
    found = [why for name, why in _AGGRAVATING.items() if name in {leaf.name for leaf in met}]
    return {"why": ",".join(found)} if found else {}


def _has_unknown_kidney(node: Node) -> bool:
    here = node.name == "aki_stage_1_or_more" and node.truth is INDETERMINATE
    return here or any(_has_unknown_kidney(child) for child in node.children)


RULE = Rule(
    name="CA_HIGH",
    family="hypercalcaemia",
    inputs=frozenset({"ca", "ca_adj", "ica", "alb", "creat", "tp", "mspike"}),
    judge=Walk(("ca", "ca_adj", "ica"), _step, Suppression(), ahead=2 * BESIDE, calm=BESIDE),
    delivery="now",
)
