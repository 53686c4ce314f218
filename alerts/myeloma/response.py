"""Response, laboratory component, at one assessment (relapse 3) [R:1,2,7]; confirmation is for the caller.

From the laboratory alone the best is `CR_LAB`: marrow and imaging are not known.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import Literal

import msgspec

from alerts.intervals import difference
from alerts.logic import TRUE, Interval
from alerts.myeloma.patient_type import PatientType
from alerts.thresholds import Pack

Fixation = Literal["positive", "negative", ""]


class Category(IntEnum):
    """Worst to best."""

    SD = 0
    MR = 1
    PR = 2
    VGPR = 3
    CR_LAB = 4


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one time; None or empty is missing. Serum g/L, urine mg/24 h, dFLC mg/L."""

    kind: PatientType
    serum: Interval | None = None
    serum_baseline: Interval | None = None
    urine: Interval | None = None
    urine_baseline: Interval | None = None
    dflc: Interval | None = None
    dflc_baseline: Interval | None = None
    serum_ife: Fixation = ""
    urine_ife: Fixation = ""
    normal_ratio: bool | None = None


def category(pack: Pack, seen: Assessment) -> Category | None:
    """The category, None (`NOT_EVALUABLE`) without measurable disease.

    A missing datum is first taken as favourable; if the category so found needs it, the next lower one is reported.
    Whether there is a minimal response is the rule pack's.
    """
    if seen.kind is PatientType.NON_MEASURABLE:
        return None
    found = _known(pack, seen)
    return Category.SD if found is Category.MR and not pack["response.mr"] else found


def _known(pack: Pack, seen: Assessment) -> Category:
    best = _favourable(pack, seen)
    if best is Category.CR_LAB and _cr_incomplete(seen):
        best = min(Category.VGPR, _components(pack, seen))
    if best is Category.VGPR and _vgpr_incomplete(seen):
        return Category.PR
    if best in (Category.PR, Category.MR) and _measurable_missing(seen):
        return Category(best - 1)
    return best


def _favourable(pack: Pack, seen: Assessment) -> Category:
    """CR_LAB, then the limb of VGPR by immunofixation, then the worst component."""
    if _complete_response(pack, seen):
        return Category.CR_LAB
    if _immunofixation_only(pack, seen):
        return Category.VGPR
    return _components(pack, seen)


def _complete_response(pack: Pack, seen: Assessment) -> bool:
    """Both immunofixations negative as far as known, at least one known, and no measurable M that contradicts them."""
    fixations = {seen.serum_ife, seen.urine_ife}
    if "positive" in fixations or "negative" not in fixations:
        return False
    if seen.kind is PatientType.FLC_ONLY:
        return seen.normal_ratio is not False
    return not (_reaches(pack, seen.serum, "serum") or _reaches(pack, seen.urine, "urine"))


def _reaches(pack: Pack, value: Interval | None, component: str) -> bool:
    limit = pack.limit(f"relapse.measurable_{component}")
    return value is not None and value.test(limit.operator, limit.value) is TRUE


def _immunofixation_only(pack: Pack, seen: Assessment) -> bool:
    """IFE positive, but nothing on electrophoresis in serum or urine; not where there never is any."""
    if seen.kind is PatientType.FLC_ONLY or "positive" not in (seen.serum_ife, seen.urine_ife):
        return False
    return nothing(pack, seen.serum, "response.serum_loq") and nothing(pack, seen.urine, "response.urine_loq")


def nothing(pack: Pack, value: Interval | None, loq: str) -> bool:
    """Nothing on electrophoresis: zero, or known only to lie below a bound of at most the limit of quantification."""
    if value is None:
        return False
    limit = pack.limit(loq)
    if value.exact is not None:
        return value.exact == 0
    return value.low == 0 and value.low_closed and value.test(limit.operator, limit.value) is TRUE


def _components(pack: Pack, seen: Assessment) -> Category:
    """The worst component; a missing one counts as favourable."""
    if seen.kind is PatientType.FLC_ONLY:
        return _fall(pack, seen.dflc_baseline, seen.dflc, "response", mr=False)
    parts = []
    if seen.kind in (PatientType.SERUM, PatientType.SERUM_URINE):
        parts.append(_fall(pack, seen.serum_baseline, _zeroed(pack, seen.serum), "response", mr=True))
    if seen.kind is PatientType.SERUM:
        parts.append(_urine_beside(pack, seen.urine))
    else:
        parts.append(_urine(pack, seen))
    return min(parts)


def _zeroed(pack: Pack, value: Interval | None) -> Interval | None:
    """An M below its limit of quantification counts as 0 (result life cycle 3)."""
    return Interval.exactly(Decimal(0)) if nothing(pack, value, "response.serum_loq") else value


def _fall(pack: Pack, baseline: Interval | None, value: Interval | None, section: str, *, mr: bool) -> Category:
    """By the fall in percent of the baseline, without a division."""
    if baseline is None or value is None:
        return Category.VGPR
    levels = ((Category.VGPR, "vgpr_percent"), (Category.PR, "pr_percent"), (Category.MR, "mr_percent"))
    met = (level for level, key in levels if _fallen(pack, baseline, value, f"{section}.{key}"))
    found = next(met, Category.SD)
    return found if mr or found is not Category.MR else Category.SD


def _fallen(pack: Pack, baseline: Interval, value: Interval, key: str) -> bool:
    """`baseline - value >= percent of baseline`, certainly."""
    limit = pack.limit(key)
    rest = 1 - limit.value / 100
    high = None if baseline.high is None else baseline.high * rest
    left = Interval(baseline.low * rest, high, baseline.low_closed, baseline.high_closed)
    return difference(left, value).test(limit.operator, Decimal(0)) is TRUE


def _urine(pack: Pack, seen: Assessment) -> Category:
    """Urine where it was measurable at baseline."""
    if seen.urine is None:
        return Category.VGPR
    if _below(pack, seen.urine, "response.urine_vgpr"):
        return Category.VGPR
    base = seen.urine_baseline
    if _below(pack, seen.urine, "response.urine_pr"):
        return Category.PR
    if base is not None and _fallen(pack, base, seen.urine, "response.urine_pr_percent"):
        return Category.PR
    return (
        Category.MR
        if base is not None and _fallen(pack, base, seen.urine, "response.urine_mr_percent")
        else Category.SD
    )


def _urine_beside(pack: Pack, urine: Interval | None) -> Category:
    """Urine of a `SERUM` patient counts when known: below 100 VGPR, below 200 PR, else SD."""
    if urine is None or _below(pack, urine, "response.urine_vgpr"):
        return Category.VGPR
    return Category.PR if _below(pack, urine, "response.urine_pr") else Category.SD


def _below(pack: Pack, value: Interval, key: str) -> bool:
    limit = pack.limit(key)
    return value.test(limit.operator, limit.value) is TRUE


def _cr_incomplete(seen: Assessment) -> bool:
    fixations = not (seen.serum_ife and seen.urine_ife)
    if seen.kind is PatientType.FLC_ONLY:
        return fixations or seen.normal_ratio is None
    return fixations or seen.serum is None or seen.urine is None


def _vgpr_incomplete(seen: Assessment) -> bool:
    if seen.kind is PatientType.FLC_ONLY:
        return seen.dflc is None or seen.dflc_baseline is None
    return seen.serum is None or seen.urine is None


def _measurable_missing(seen: Assessment) -> bool:
    needed = {
        PatientType.SERUM: (seen.serum,),
        PatientType.URINE: (seen.urine,),
        PatientType.SERUM_URINE: (seen.serum, seen.urine),
        PatientType.FLC_ONLY: (seen.dflc,),
    }
    return None in needed.get(seen.kind, ())
