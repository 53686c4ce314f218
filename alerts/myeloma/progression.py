"""Progressive disease, the criterion at one sample (relapse 4) [R:2,5]; says nothing about confirmation."""

from __future__ import annotations

from decimal import Decimal

from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.intervals import difference
from alerts.logic import TRUE, Interval
from alerts.thresholds import Pack


def serum(pack: Pack, nadir: Quantity, value: Quantity) -> Node:
    """Rise >= 25 % and >= 5 g/L, or >= 10 g/L from a nadir of 50 g/L or more."""
    plain = both_limbs(pack, nadir, value, ("relapse.serum_rise", "relapse.serum_percent"), "serum_25pct_5")
    high = all_of(
        compare(nadir, pack.limit("relapse.serum_high_nadir")),
        compare(rise(nadir, value), pack.limit("relapse.serum_high_rise")),
        name="serum_10",
    )
    return any_of(plain, high, name="progression")


def urine(pack: Pack, nadir: Quantity, value: Quantity) -> Node:
    """Rise >= 25 % and >= 200 mg/24 h."""
    return any_of(both_limbs(pack, nadir, value, ("relapse.urine_rise", "relapse.urine_percent"), "urine"),
                  name="progression")  # fmt: skip


def dflc(pack: Pack, nadir: Quantity, value: Quantity) -> Node:
    """Rise >= 25 % and > 100 mg/L; only for `FLC_ONLY`, which the caller must see to."""
    return any_of(both_limbs(pack, nadir, value, ("relapse.dflc_rise", "relapse.dflc_percent"), "dflc"),
                  name="progression")  # fmt: skip


def both_limbs(pack: Pack, nadir: Quantity, value: Quantity, keys: tuple[str, str], name: str) -> Node:
    """An absolute and a relative rise; from a nadir of zero or less the relative one counts as met."""
    absolute, percent = keys
    return all_of(
        compare(rise(nadir, value), pack.limit(absolute)), percent_rise(pack, nadir, value, percent), name=name
    )


def rise(nadir: Quantity, value: Quantity) -> Quantity:
    """Value minus nadir, over the whole interval of both."""
    return Quantity(
        name=f"{value.name}_rise",
        interval=difference(_known(value), _known(nadir)),
        unit=value.unit,
        results=(*value.results, *nadir.results),
    )


def percent_rise(pack: Pack, nadir: Quantity, value: Quantity, key: str) -> Node:
    """The relative limb without a division, so that an exact 25 % is met exactly.

    With an exact nadir the rise is compared with that share of it. With a censored one, `value - (1 + share) x nadir`
    is compared with zero. From a nadir of zero or less any rise meets it.
    """
    limit, low = pack.limit(key), _known(nadir)
    share = limit.value / 100
    if low.exact is not None:
        return compare(rise(nadir, value), limit, max(low.exact * share, Decimal(0)))
    scaled = Interval(low.low * (1 + share), None if low.high is None else low.high * (1 + share),
                      low.low_closed, low.high_closed)  # fmt: skip
    excess = Quantity(
        name=f"{value.name}_beyond_{limit.value}_percent",
        interval=difference(_known(value), scaled),
        unit=value.unit,
        results=(*value.results, *nadir.results),
    )
    return compare(excess, limit, Decimal(0))


def met_rules(node: Node) -> tuple[str, ...]:
    """Names of the lines met (`serum_25pct_5`, `serum_10`, `urine`, `dflc`), in the order of the specification."""
    return tuple(line.name for line in node.children if line.truth is TRUE)


def _known(quantity: Quantity) -> Interval:
    if quantity.interval is None:
        raise ValueError(f"{quantity.name} has no value: only evaluable readings are compared")
    return quantity.interval
