"""How the values of a made-up patient move: a level per analyte and visit, with the noise of biology around it.

The noise is within the variation of the clinical specification (analytes 5); every course is invented.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

HISTORY = 14
"""Monthly visits before the demo begins; live draws follow."""

Levels = dict[str, float]
BASE: Levels = {
    "mspike": 4.0, "ca": 2.32, "alb": 40, "creat": 78, "hb": 124, "igg": 9, "igm": 0.7, "tp": 70,
    "k": 4.3, "plt": 210, "visc": 1.6,
}  # fmt: skip
CV = {
    "mspike": 0.03, "ca": 0.012, "alb": 0.02, "creat": 0.035, "hb": 0.02, "igg": 0.03, "igm": 0.03, "tp": 0.015,
    "k": 0.03, "plt": 0.06, "visc": 0.02,
}  # fmt: skip
DIGITS = {"ca": 2, "creat": 0, "hb": 0, "tp": 0, "plt": 0, "alb": 0}
PANEL = ("mspike", "ca", "alb", "creat", "hb", "igg", "tp", "k")
"""The eight results of an ordinary visit."""


class Draw(msgspec.Struct, frozen=True):
    """One blood draw: values as the laboratory prints them, canonical units."""

    values: dict[str, str]


def draw(course: str, visit: int, chance: random.Random) -> Draw:
    """Visit 0 is the oldest; from `HISTORY` on the draws are live."""
    levels = {**BASE, **COURSES[course](visit)}
    names = (*PANEL, *(name for name in ("igm", "visc", "plt") if course == "high_viscosity"))
    return Draw({name: _printed(name, levels[name], chance) for name in names})


def _printed(name: str, level: float, chance: random.Random) -> str:
    value = max(level * (1 + chance.gauss(0, CV[name])), 0.1)
    return f"{value:.{DIGITS.get(name, 1)}f}"


def _response(visit: int) -> float:
    """M-protein under treatment: falls to a plateau within six months."""
    return (36, 27, 19, 13, 9.5, 8.2)[visit] if visit < 6 else 8.0  # noqa: PLR2004 - the table's own length


def _stable(visit: int) -> Levels:
    return {"mspike": _response(visit) * 0.5}


def _rising(visit: int) -> Levels:
    """Plateau, then a climb of about a fifth a visit, for a while."""
    months = min(max(0, visit - (HISTORY - 3)), 6)
    return {"mspike": _response(visit) * 1.22**months, "igg": 14}


def _live(visit: int, steps: tuple[float, ...], calm: float) -> float:
    """`calm` until the demo begins, then one step a draw; the last one stays."""
    return calm if visit < HISTORY else steps[min(visit - HISTORY, len(steps) - 1)]


def _calcium(visit: int) -> Levels:
    return {"mspike": _response(visit), "ca": _live(visit, (2.58, 2.86, 3.08, 3.46, 3.30, 2.95), 2.36), "alb": 36}


def _kidney(visit: int) -> Levels:
    creatinine = _live(visit, (128, 182, 246, 305, 280), 82)
    return {"mspike": _response(visit), "creat": creatinine, "k": _live(visit, (4.6, 5.2, 5.8, 6.2, 5.7), 4.3)}


def _viscosity(visit: int) -> Levels:
    igm = _live(visit, (34, 52, 64, 66), 18)
    return {"mspike": igm, "igm": igm, "visc": _live(visit, (2.9, 3.7, 4.4, 5.2), 2.1), "tp": 75 + igm * 0.6}


def _haemoglobin(visit: int) -> Levels:
    return {"mspike": _response(visit), "hb": _live(visit, (112, 98, 91, 78, 83), 121)}


COURSES: dict[str, Callable[[int], Levels]] = {
    "stable": _stable,
    "rising_m_protein": _rising,
    "high_calcium": _calcium,
    "kidney_injury": _kidney,
    "high_viscosity": _viscosity,
    "low_haemoglobin": _haemoglobin,
}
