"""eGFR in mL/min/1.73 m2 from creatinine, age and sex: CKD-EPI 2021 and 2009 (clinical specification, kidney 2).

    factor x min(Scr/k, 1)^a x max(Scr/k, 1)^b x c^age (x d if female), Scr in mg/dL = umol/L / 88.4

Decimal in, unrounded Decimal out: the limits are compared on the unrounded value. Adults only.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from itertools import chain, takewhile
from typing import Literal, cast

import msgspec

from alerts.condition import Node, Quantity, all_of, fact
from alerts.context import Context as PatientContext
from alerts.context import completed_years
from alerts.logic import INDETERMINATE, Interval
from alerts.rule import View
from alerts.series import Point
from alerts.thresholds import Pack

Equation = Literal["2021", "2009"]
EQUATIONS: tuple[Equation, ...] = ("2021", "2009")
UNIT = "mL/min/{1.73_m2}"

_ARITHMETIC = Context(prec=28)
_NIL = Decimal(0)
_ONE = Decimal(1)


class Coefficients(msgspec.Struct, frozen=True, kw_only=True):
    """One equation for one sex."""

    factor: Decimal
    kappa: Decimal
    below: Decimal
    """Exponent of Scr/kappa below 1."""
    above: Decimal
    per_year: Decimal
    sex: Decimal
    divisor: Decimal
    """umol/L in one mg/dL."""


def egfr(creatinine: Decimal, age_years: Decimal, sex: str, pack: Pack, equation: Equation = "2021") -> Decimal:
    """Unrounded eGFR; `creatinine` in umol/L above zero, age at collection with its fraction, sex `F` or `M`.

    Raises ValueError for another sex or a creatinine that is not above zero.
    """
    if creatinine <= 0:
        raise ValueError(f"eGFR needs a creatinine above zero, got {creatinine} umol/L")
    return _formula(creatinine, age_years, coefficients(pack, sex, equation))


def coefficients(pack: Pack, sex: str, equation: Equation) -> Coefficients:
    """The equation's numbers from the rule pack; ValueError when the sex is neither `F` nor `M`."""
    key = ("ckd_epi", sex, equation)
    known = pack.worked_out.get(key)
    if known is None:
        known = pack.worked_out[key] = _coefficients(pack, sex, equation)
    return cast(Coefficients, known)


def _coefficients(pack: Pack, sex: str, equation: Equation) -> Coefficients:
    word = {"F": "female", "M": "male"}.get(sex)
    if word is None:
        raise ValueError(f"eGFR needs sex F or M, got {sex!r}")
    name = f"ckd_epi_{equation}"
    return Coefficients(
        factor=pack[f"{name}.factor"],
        kappa=pack[f"{name}.kappa_{word}"],
        below=pack[f"{name}.exponent_below_{word}"],
        above=pack[f"{name}.exponent_above"],
        per_year=pack[f"{name}.per_year"],
        sex=pack[f"{name}.female"] if sex == "F" else _ONE,
        divisor=pack["egfr.umol_per_mg_dl"],
    )


@lru_cache(maxsize=4096)
def _formula(creatinine: Decimal, age: Decimal, numbers: Coefficients) -> Decimal:
    scale = _ARITHMETIC.divide(_ARITHMETIC.divide(creatinine, numbers.divisor), numbers.kappa)
    curve = _ARITHMETIC.power(scale, numbers.below if scale < 1 else numbers.above)
    ageing = _ARITHMETIC.power(numbers.per_year, age)
    return _ARITHMETIC.multiply(_ARITHMETIC.multiply(numbers.factor * numbers.sex, curve), ageing)


def age_at(context: PatientContext, at: datetime) -> Decimal | None:
    """Age in years with its fraction, a whole number on every birthday; None when the birth date is unknown."""
    return None if context.birth_date is None else _age(context.birth_date, at.date())


@lru_cache(maxsize=4096)
def _age(born: date, day: date) -> Decimal | None:
    years = completed_years(born, day)
    if years < 0:
        return None
    last, following = _birthday(born, years), _birthday(born, years + 1)
    return years + Decimal((day - last).days) / (following - last).days


def _birthday(born: date, years: int) -> date:
    try:
        return born.replace(year=born.year + years)
    except ValueError:  # 29 February in a common year: the age changes on 1 March
        return date(born.year + years, 3, 1)


def rule_equation(pack: Pack) -> Equation:
    """The equation the rules go by; the alert text names it."""
    return "2009" if pack["egfr.equation"] == int("2009") else "2021"


def estimated(view: View, point: Point, equation: Equation | None = None) -> Quantity:
    """The eGFR of a creatinine; its interval is None when age or sex is unknown or the patient is not an adult."""
    chosen = equation or rule_equation(view.pack)
    key = ("egfr", point.at, f"{chosen}{point.result.result_id}")
    if key not in view.memo:
        view.memo[key] = _estimated(view, point, chosen)
    return cast(Quantity, view.memo[key])


def _estimated(view: View, point: Point, chosen: Equation) -> Quantity:
    age = age_at(view.context, point.at)
    interval = None
    if age is not None and age >= view.pack["egfr.adult_years"] and view.context.sex in {"F", "M"}:
        interval = _of_interval(point.interval, age, view.context.sex, view.pack, chosen)
    return Quantity(
        name="egfr", interval=interval, unit=UNIT, results=(point.result.result_id,), method=f"ckd-epi-{chosen}"
    )


def _of_interval(creatinine: Interval, age: Decimal, sex: str, pack: Pack, equation: Equation) -> Interval:
    """A higher creatinine is a lower eGFR: the ends change places."""
    low = _NIL if creatinine.high is None else egfr(creatinine.high, age, sex, pack, equation)
    high = None if creatinine.low <= 0 else egfr(creatinine.low, age, sex, pack, equation)
    return Interval(low, high, creatinine.high_closed, creatinine.low_closed)


def adults_only(view: View, at: datetime, node: Node) -> Node:
    """The kidney rules are for adults (kidney): of a minor what would be TRUE is not known. An unknown age is none."""
    return all_of(fact("adult", INDETERMINATE), node, name=node.name) if missing_for_adults(view, at) else node


def missing_for_adults(view: View, at: datetime) -> tuple[str, ...]:
    """`adult` of a minor at `at`; from the 18th birthday on nothing."""
    age = age_at(view.context, at)
    return ("adult",) if age is not None and age < view.pack["egfr.adult_years"] else ()


def missing_for_egfr(view: View, at: datetime) -> tuple[str, ...]:
    """What the equation lacks at `at`: `sex`, `birth_date`, `adult`; empty when it can be computed."""
    age = age_at(view.context, at)
    lacking = {"sex": view.context.sex not in {"F", "M"}, "birth_date": age is None}
    lacking["adult"] = age is not None and age < view.pack["egfr.adult_years"]
    return tuple(name for name, lacks in lacking.items() if lacks)


def displayed(value: Decimal, places: str = "1") -> str:
    """Rounded half up, to an integer by default; for people, never for comparisons."""
    return str(value.quantize(Decimal(places), ROUND_HALF_UP))


def reference_sample(view: View, at: datetime) -> Point | None:
    """The sample that tells kidney function at `at`: the creatinine, else a reported eGFR without a creatinine near it.

    A reported eGFR is never used when a creatinine of the same specimen or within 24 h exists.
    """
    creatinine = view.series.at("creat", at)
    reported = view.series.at("egfr", at)
    if creatinine is not None or reported is None:
        return creatinine
    span = timedelta(hours=int(view.pack["aki.beside_hours"]))
    return None if view.series.nearest("creat", at, span, reported.result.specimen) else reported


def newest_reference(view: View, at: datetime, within: timedelta) -> Point | None:
    """The newest final sample up to `at` that tells kidney function, at most `within` earlier (bound included)."""
    creatinine = view.series.newest("creat", at, within)
    first = view.series.newest("egfr", at, within)
    if first is None:
        return creatinine
    after = at - within if creatinine is None else creatinine.at
    reported = chain((first,), view.series.last_before("egfr", first.at))
    newer = takewhile(lambda p: p.at >= after, reported)
    return next((p for p in newer if reference_sample(view, p.at) is p), creatinine)


def references(view: View, before: datetime, within: timedelta) -> list[Point]:
    """Every final sample of the time before that tells kidney function, at most `within` earlier (bound included)."""
    reported = (p for p in view.series.before("egfr", before, within) if reference_sample(view, p.at) is p)
    return [*view.series.before("creat", before, within), *reported]


def egfr_at(view: View, sample: Point) -> Quantity:
    """Our own eGFR of a creatinine, or the reported one where the sample is that."""
    if sample.result.analyte == "creat":
        return estimated(view, sample)
    return Quantity(
        name="egfr", interval=sample.interval, unit=UNIT, results=(sample.result.result_id,), method="reported"
    )
