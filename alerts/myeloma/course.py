"""The course of one component: at each reading what it meets, what is confirmed, and what is in force after it.

Relapse 2, 4, 6 and 9. One pass with running minima; a reading that cannot reach any limit costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from alerts.condition import Node, all_of, any_of, fact
from alerts.logic import FALSE, TRUE, Interval
from alerts.myeloma import significant
from alerts.myeloma.lines import line_of
from alerts.myeloma.nadir import Nadir
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.readings import Component, Reading
from alerts.myeloma.steps import KINDS, Rung, Step, Tests, is_open, is_true
from alerts.thresholds import Pack

_GIVEN = frozenset({"_pack", "_kind", "_starts", "_type_at", "_applies"})
State = dict[str, Any]
"""How a course stands after a reading, to be taken up again later; what it holds is replaced, never changed."""


class _Apart(msgspec.Struct, frozen=True, kw_only=True):
    """The series of one light-chain method while another is measured."""

    line: int
    nadir: Nadir | None
    last: Tests | None


class Course:
    """The fold; `take` takes readings in collection order."""

    def __init__(
        self,
        pack: Pack,
        component: Component,
        starts: Sequence[datetime],
        kind_at: Callable[[datetime], PatientType],
        applies: Callable[[datetime], bool],
        state: State | None = None,
    ) -> None:
        self._pack, self._kind = pack, KINDS[component]
        self._starts, self._type_at, self._applies = starts, kind_at, applies
        self._line = 0
        self._nadir: Nadir | None = None
        self._last: Tests | None = None
        self._old: Tests | None = None
        self._pd_at: datetime | None = None
        self._by: frozenset[str] = frozenset()
        self._unmet_since: datetime | None = None
        self._crossed = False
        self._rebased = False
        self._method = ""
        self._apart: dict[str, _Apart] = {}
        self.__dict__.update(state or {})

    @property
    def state(self) -> State:
        """As it stands."""
        return {name: value for name, value in self.__dict__.items() if name not in _GIVEN}

    def take(self, reading: Reading) -> Step | None:
        """`step`, but each light-chain method is a series of its own (analytes 4).

        Of a draw that several methods measured, the one that was followed so far speaks.
        """
        if reading.abnormal is None:
            return self.step(reading)
        first, *rest = sorted((reading, *reading.beside), key=lambda one: _differs(self._method, _method(one)))
        for other in rest:
            self._aside(other)
        self._turn_to(_method(first))
        return self.step(first)

    def step(self, reading: Reading) -> Step | None:
        """What this reading makes of it; None for one that says nothing (a baseline, a fall after plasma exchange)."""
        self._enter(line_of(self._starts, reading.at))
        if self._nadir is None:
            return self._begin(reading)
        tests = self._tests(reading, self._nadir)
        carried = self._carry(tests)
        if reading.silent and not tests.basis and not carried and self._applies(reading.at):
            return None
        step = self._result(tests, self._confirm(tests), carried)
        self._nadir, self._last = self._nadir.add(reading), tests
        self._crossed, self._old = False, None
        return step

    def _turn_to(self, method: str) -> None:
        """The series of a method is taken up where it stood; one never seen begins with a baseline."""
        if _differs(self._method, method):
            here = _Apart(line=self._line, nadir=self._nadir, last=self._last)
            known = self._apart.get(method.casefold())
            self._apart = {**self._apart, self._method.casefold(): here}
            self.rebase()
            if known is not None:
                self._nadir, self._last = self._today(known, self._line)
        self._method = method or self._method

    def _today(self, known: _Apart, line: int) -> tuple[Nadir | None, Tests | None]:
        """Nadir and last sample of a series that was left, in the line of now."""
        if known.line == line or known.nadir is None:
            return known.nadir, known.last
        return Nadir.start(known.nadir.previous), None

    def _aside(self, reading: Reading) -> None:
        """A draw that another method speaks for: baseline, nadir or first sample of its own series, and no step."""
        line, key = line_of(self._starts, reading.at), _method(reading).casefold()
        known = self._apart.get(key, _Apart(line=line, nadir=None, last=None))
        nadir, last = self._today(known, line)
        tests = self._tests(reading, nadir) if nadir else None
        if tests is None or tests.basis or not reading.silent:
            last = tests
        fresh = None if reading.silent else Nadir.start(reading)
        here = _Apart(line=line, nadir=nadir.add(reading) if nadir else fresh, last=last)
        self._apart = {**self._apart, key: here}

    def rebase(self) -> None:
        """A new series: the next value is a baseline again. What is in force stays, the baseline says nothing of it."""
        self._nadir, self._last, self._old, self._rebased = None, None, None, True

    def _enter(self, line: int) -> None:
        """A new line starts from the last value that may be a baseline; nothing of the old one stays in force."""
        if line == self._line:
            return
        self._old = self._last if self._pd_at is None else None
        self._line, self._last, self._pd_at, self._unmet_since = line, None, None, None
        self._by, self._crossed = frozenset(), True
        self._nadir = Nadir.start(self._nadir.previous) if self._nadir else None

    def _begin(self, reading: Reading) -> Step | None:
        if not reading.silent:
            self._nadir = Nadir.start(reading)
        if self._rebased:
            return None
        node = fact("baseline", FALSE, reading.results)
        return Step(reading=reading, rung=Rung.NONE, new_line=self._crossed, node=node)

    def _tests(self, reading: Reading, nadir: Nadir) -> Tests:
        """All tests of this sample; none but the first when the rise over the lowest value is too small for any."""
        pack, kind = self._pack, self._kind
        against = nadir.previous
        large = not _below(pack[kind.floor], nadir.raw.interval, reading.interval)
        tests = Tests(reading=reading, against=against, nadir=nadir, large=large)
        if not large or not self._applies(reading.at):
            return tests
        raw, value = nadir.quantity(nadir.raw, "raw"), reading.quantity
        low = nadir.quantity(nadir.confirmed, "confirmed")
        criterion = kind.criterion
        return msgspec.structs.replace(
            tests,
            confirmed=criterion(pack, low, value) if criterion else None,
            raw=_renamed(criterion(pack, raw, value), "over_raw_nadir") if criterion and low != raw else None,
            b=kind.rise(pack, low, reading) if kind.rise else None,
            from_previous=self._doubling(reading, against) if kind.doubling else None,
            from_nadir=significant.doubled(pack, low, value, "a-ii") if kind.doubling else None,
        )

    def _doubling(self, reading: Reading, earlier: Reading) -> Node:
        double = significant.doubled(self._pack, earlier.quantity, reading.quantity, "from_previous")
        return all_of(double, significant.apart(self._pack, earlier, reading), name="a-i")

    def _confirm(self, tests: Tests) -> list[Node]:
        """What this sample confirms together with the one before it."""
        last = self._last
        if last is None or not last.large:  # of a sample that asked nothing there is nothing to confirm
            return []
        found = [*self._confirm_pd(last, tests), *self._confirm_significant(last, tests)]
        return [node for node in found if node.truth is TRUE]

    def _confirm_pd(self, last: Tests, tests: Tests) -> list[Node]:
        if not (is_true(last.confirmed) and is_true(tests.confirmed) and last.confirmed and tests.confirmed):
            return []
        if self._type_at(tests.reading.at) is PatientType.NON_MEASURABLE:
            return []
        self._pd_at = self._pd_at or last.reading.at
        return [all_of(last.confirmed, tests.confirmed, name="pd_confirmed")]

    def _confirm_significant(self, last: Tests, tests: Tests) -> list[Node]:
        nodes = []
        if is_true(last.from_previous) and last.from_previous and last.against:
            again = significant.twice(self._pack, last.against.quantity, tests.reading.quantity)
            nodes.append(all_of(last.from_previous, again, name="a-i"))
        if is_true(last.from_nadir) and last.from_nadir and tests.from_nadir:
            near = significant.apart(self._pack, last.reading, tests.reading)
            nodes.append(all_of(last.from_nadir, tests.from_nadir, near, name="a-ii"))
        if is_true(last.b) and last.b and tests.b:
            nodes.append(all_of(last.b, tests.b, name="b"))
        self._by |= {node.name for node in nodes if node.truth is TRUE}
        return nodes

    def _carry(self, tests: Tests) -> Node | None:
        """Progression suspected in the line before may be confirmed after the new therapy started (relapse 2) [M]."""
        old, criterion = self._old, self._kind.criterion
        if old is None or old.nadir is None or old.confirmed is None or not is_true(old.confirmed) or criterion is None:
            return None
        if self._type_at(old.reading.at) is PatientType.NON_MEASURABLE:
            return None
        low = old.nadir.quantity(old.nadir.confirmed, "confirmed")
        both = all_of(old.confirmed, criterion(self._pack, low, tests.reading.quantity), name="pd_confirmed")
        return both if both.truth is TRUE else None

    def _result(self, tests: Tests, confirmed: list[Node], carried: Node | None) -> Step:
        basis = tests.basis or ("confirmed_nadir" if carried else "")
        rung = Rung.PD if carried else self._rung(tests)
        old = self._old if carried else None
        nodes = [*confirmed, *([carried] if carried else [])]
        return Step(
            reading=tests.reading,
            rung=rung,
            met=bool(basis),
            basis=basis,
            pd_at=old.reading.at if old else self._pd_at,
            significant_by=tuple(sorted(self._by)),
            not_imwg=self._not_imwg(tests),
            new_line=self._crossed,
            carried=carried is not None,
            large=tests.large,
            node=_tree(tests, nodes, met=bool(basis)),
            nadir=old.nadir if old else tests.nadir,
            series=self._method,
        )

    def _rung(self, tests: Tests) -> Rung:
        """PD stays; a significant rise without PD ends after two samples, 12 h apart, that meet nothing."""
        if self._pd_at is not None:
            return Rung.SIGNIFICANT if self._by else Rung.PD
        if tests.basis:
            self._unmet_since = None
        elif self._by:
            self._unmet_since = self._unmet_since or tests.reading.at
            span = timedelta(hours=int(self._pack["relapse.clear_hours"]))
            if self._unmet_since < tests.reading.at and tests.reading.at - self._unmet_since >= span:
                self._by = frozenset()
        if self._by:
            return Rung.SIGNIFICANT
        return Rung.POSSIBLE if tests.basis else Rung.NONE

    def _not_imwg(self, tests: Tests) -> bool:
        return is_open(tests.confirmed) and self._type_at(tests.reading.at) is PatientType.NON_MEASURABLE


def _below(floor: Decimal, lowest: Interval, value: Interval) -> bool:
    """The rise over the lowest value is certainly less than the floor."""
    return value.high is not None and value.high - lowest.low < floor


def _method(reading: Reading) -> str:
    return reading.point.result.method


def _differs(known: str, method: str) -> bool:
    return bool(known and method) and known.casefold() != method.casefold()


def _tree(tests: Tests, confirmed: list[Node], *, met: bool) -> Node:
    """The reasons: what is confirmed and what this sample meets; of a sample that meets nothing all that was asked."""
    asked = [n for n in (tests.confirmed, tests.raw, tests.b, tests.from_previous) if n is not None]
    if not asked and not confirmed:
        return fact("rise_too_small_for_any_limit", FALSE, tests.reading.results)
    shown = [n for n in asked if n.truth is not FALSE] if met else asked
    nodes = [*confirmed, *shown]
    open_only = met and not any(n.truth is TRUE for n in nodes)
    left = [fact("not_excluded", TRUE, tests.reading.results)] if open_only else []
    return any_of(*nodes, *left, name="bio")


def _renamed(node: Node, name: str) -> Node:
    return msgspec.structs.replace(node, name=name)
