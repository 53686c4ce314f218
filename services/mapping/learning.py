"""What a site file does not say yet of the reports it is shown: codes, units, senders and authorities, counted. Pure.

No patient's data: codes, names of tests, units and numbers only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from functools import cache

import msgspec

from schemas.analytes import ANALYTES, BY_LOINC, LOINC_SYSTEMS
from schemas.errors import UnitRefused
from schemas.numbers import is_number, parse_number
from schemas.patient_event import Coding, LabReport, Quantity, ReportedResult, Text
from schemas.texts import read_text
from schemas.units import apply, canonical_spelling, scales
from services.mapping.names import is_whole, likely
from services.mapping.site import Site

EXAMPLES = 3
UNREAD = frozenset({"local_code_needed"})
"""Reasons that an entry of the site file mends."""


class Seen(msgspec.Struct, kw_only=True):
    """One code of a laboratory, or one unit of an analyte, over all results."""

    count: int = 0
    units: Counter[str] = msgspec.field(default_factory=Counter)
    loinc: Counter[str] = msgspec.field(default_factory=Counter)
    """LOINC codes that stood beside it."""
    display: str = ""
    numbers: list[tuple[Decimal, str]] = []
    """Number and unit, at most `KEPT`."""
    texts: int = 0
    """Values that are no number."""
    words: int = 0
    """Of these, what Halo reads as a value (`negativno`)."""

    def add(self, sent: ReportedResult, coding: Coding) -> None:
        """One result more."""
        self.count += 1
        self.units[sent.unit.strip()] += 1
        self.loinc.update({c.code for c in sent.code if c.system in LOINC_SYSTEMS and c.code})
        self.display = self.display or coding.display or next((c.display for c in sent.code if c.display), "")
        number = _number(sent)
        self.texts += number is None
        self.words += number is None and _is_read(sent)
        if number is not None and len(self.numbers) < KEPT:
            self.numbers.append((number, sent.unit.strip()))


_UNKNOWN = "is not known: add a synonym under [units] or the laboratory's units"
_OTHER = "is not accepted for it: ask the laboratory"  # a synonym would make another amount of it
FULL = 100
"""Per cent: every telling word of a name was said."""
KEPT = 200
"""Numbers by which a range is judged."""


class Key(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A code as a laboratory sends it."""

    laboratory: str
    code: str
    system: str


class Spelling(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A unit as a laboratory spells it, of an analyte that is read."""

    laboratory: str
    unit: str
    analyte: str


class Learned(msgspec.Struct, kw_only=True):
    """Everything that was seen and is not understood."""

    reports: int = 0
    results: int = 0
    codes: dict[Key, Seen] = {}
    known: dict[Key, Counter[str]] = {}
    """Analytes that a code had beside it as LOINC where it was read: it is certain for the rest."""
    never: Counter[tuple[str, str, str]] = msgspec.field(default_factory=Counter)
    """Laboratory, code and reason of what no entry may make another quantity."""
    units: dict[Spelling, Seen] = {}
    senders: dict[str, Counter[str]] = {}
    """Sender not listed -> message types, and `laboratory:`, `authority:` with their counts."""
    authorities: Counter[str] = msgspec.field(default_factory=Counter)

    def take(self, report: LabReport, site: Site) -> None:
        """One report more."""
        self.reports += 1
        self.results += len(report.results)
        self._sender(report, site)
        authority = report.patient.id.partition("|")[0]
        listed = site.file.identifier.authorities
        if authority and listed and authority not in listed:
            self.authorities[authority] += 1
        for sent in report.results:
            self._result(sent, site)

    def _sender(self, report: LabReport, site: Site) -> None:
        source = report.source
        if source.format != "hl7v2" or site.sender(source.sender) is not None:
            return
        seen = self.senders.setdefault(source.sender, Counter())
        authority = report.patient.id.partition("|")[0]
        seen.update({f"type:{source.message_type}"} if source.message_type else ())
        seen.update({f"laboratory:{sent.laboratory}" for sent in report.results if sent.laboratory})
        seen.update({f"authority:{authority}"} if authority else ())

    def _result(self, sent: ReportedResult, site: Site) -> None:
        read = site.read_code(sent.laboratory, sent.code)
        local = next((c for c in sent.code if c.system not in LOINC_SYSTEMS and c.code), None)
        coding = local or (sent.code[0] if sent.code else None)
        if coding is None or read.ignored:
            return
        key = Key(laboratory=sent.laboratory, code=coding.code, system=coding.system)
        if read.analyte is None:
            if read.reason in UNREAD:
                self.codes.setdefault(key, Seen()).add(sent, coding)
            else:
                self.never[sent.laboratory, coding.code, read.reason] += 1
            return
        if read.entry is None and local is not None:
            self.known.setdefault(key, Counter())[read.analyte.id] += 1
        unit = site.unit(sent.laboratory, sent.unit.strip())
        missing = not unit and not (read.entry is not None and read.entry.unit_when_missing)
        row = read.analyte
        others = {*row.ratios, *row.per_volume}
        spelling = canonical_spelling(unit)
        if row.unit and _number(sent) is not None and (missing or spelling not in {*scales(row.id), *others}):
            where = Spelling(laboratory=sent.laboratory, unit=sent.unit.strip(), analyte=row.id)
            self.units.setdefault(where, Seen()).add(sent, coding)


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """What a code may mean, and why."""

    analyte: str
    why: str
    certain: bool = False


def guess(key: Key, seen: Seen, learned: Learned, site: Site) -> tuple[Guess, ...]:
    """The likeliest first; certain only by LOINC. None when nothing speaks for any analyte."""
    known = learned.known.get(key, Counter())
    if len(known) == 1:
        (analyte, count), *_ = known.items()
        return (Guess(analyte=analyte, why=f"with its LOINC code in {count} other results", certain=True),)
    by_name = likely(key.code, seen.display)
    if seen.loinc:  # it says what it is, and Halo does not read that: only the very name speaks against it
        by_name = {name: share for name, share in by_name.items() if share >= FULL and seen.numbers}
    fits = {name: fit for name in by_name if (fit := _fit(name, key.laboratory, seen, site)) is not None}
    best = sorted(fits, key=lambda name: (-by_name[name] - fits[name], name))[:3]
    return tuple(Guess(analyte=name, why=_why(seen, fits[name])) for name in best)


def doubt(key: Key, seen: Seen, site: Site) -> Guess | None:
    """Of a code that nothing is proposed for: what it is by its name all the same, and what speaks against it.

    None when its name is of nothing that Halo reads, or its unit is one of another quantity and so is a part of the
    name. What has an answer here is nothing to be ignored: a calcium would be lost by the spelling of its unit.
    """
    shares = likely(key.code, seen.display)
    for name in sorted(shares, key=lambda name: (-shares[name], name)):
        if seen.texts == seen.count:
            return Guess(analyte=name, why="it is sent as words: ask the laboratory for numbers")
        wrong = [unit for unit in seen.units if not _fits(name, site.unit(key.laboratory, unit))]
        new = [unit for unit in wrong if canonical_spelling(site.unit(key.laboratory, unit)) not in _every_unit()]
        if not wrong or (not new and not (shares[name] >= FULL and is_whole(name, seen.display or key.code))):
            continue
        return Guess(analyte=name, why=f"the unit {', '.join(new or wrong)} {_UNKNOWN if new else _OTHER}")
    return None


def _fits(name: str, unit: str) -> bool:
    spelling = canonical_spelling(unit)
    return not spelling or spelling in scales(name) or bool(similar(spelling, name))


@cache
def _every_unit() -> frozenset[str]:
    return frozenset(unit for name, row in ANALYTES.items() for unit in (*scales(name), *row.ratios, *row.per_volume))


def _is_read(sent: ReportedResult) -> bool:
    return isinstance(sent.value, Text) and read_text(sent.value.text).word in {"negative", "trace", "not_quantifiable"}


def _why(seen: Seen, fit: int) -> str:
    said = "its name" if not any(seen.units) else "its name and unit"
    return f"by {said}; {fit} % of the numbers are usual for it" if seen.numbers else f"by {said}"


def _fit(name: str, laboratory: str, seen: Seen, site: Site) -> int | None:
    """Per cent of the numbers within usual limits; None when a unit that was sent cannot be of this analyte."""
    row = ANALYTES[name]
    if row.kind != "number":
        return 0 if seen.numbers else 100
    if seen.texts == seen.count:
        return 0 if seen.words == seen.count else None
    usual, tried = 0, 0
    for number, sent in seen.numbers:
        unit = canonical_spelling(site.unit(laboratory, sent))
        spellings = [unit] if unit in scales(name) else similar(unit, name) if unit else list(scales(name))[:1]
        if not spellings:
            return None
        tried += 1
        usual += _is_usual(name, number, spellings[0])
    return 100 * usual // tried if tried else 0


def _is_usual(name: str, number: Decimal, unit: str) -> bool:
    try:
        return apply(scales(name)[unit], number, name).quality == "ACCEPT"
    except UnitRefused:
        return False


def similar(unit: str, name: str) -> list[str]:
    """Accepted units of an analyte that a spelling may stand for: the same letters, whatever their case and signs."""
    return [known for known in scales(name) if _letters(known) == _letters(unit)]


def plausible(name: str, numbers: Iterable[Decimal]) -> list[tuple[int, str]]:
    """Per cent of usual numbers in each accepted unit, the likeliest first."""
    every = list(numbers)
    shares = (
        [(100 * sum(_is_usual(name, n, unit) for n in every) // len(every), unit) for unit in scales(name)]
        if every
        else []
    )
    return sorted(shares, key=lambda pair: (-pair[0], pair[1]))


def _letters(unit: str) -> str:
    text = canonical_spelling(unit).casefold().replace("µ", "u").replace("μ", "u").replace("mc", "u")
    return "".join(c for c in text if c.isalnum())


def _number(sent: ReportedResult) -> Decimal | None:
    if isinstance(sent.value, Quantity):
        text = sent.value.number.strip()
    elif isinstance(sent.value, Text):
        text = read_text(sent.value.text).number
    else:
        return None
    if not is_number(text):
        return None
    try:
        return parse_number(text)
    except UnitRefused:
        return None


def loinc_of(seen: Seen) -> list[tuple[str, str]]:
    """LOINC codes beside it with the analyte they mean, empty for one that Halo does not read."""
    return [(code, BY_LOINC.get(code, "")) for code, _ in seen.loinc.most_common()]
