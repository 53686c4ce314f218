"""The made-up patients of the demo ward. Names are invented and say so; the seed makes them the same every time."""

from __future__ import annotations

import random
from datetime import date

import msgspec

FAMILIES = ("Hribar", "Gornik", "Vodnik", "Kamnar", "Brezovar", "Lipovec", "Javornik", "Potočar", "Žitnik", "Šumar")
WOMEN = ("Ana", "Breda", "Darja", "Eva", "Irena", "Lučka", "Mojca", "Nuša")
MEN = ("Aleš", "Bojan", "Ciril", "Drago", "Gašper", "Jože", "Milan", "Žiga")
WARDS = ("H2", "H3")

COURSES = (
    ("stable", 22),
    ("rising_m_protein", 6),
    ("high_calcium", 4),
    ("kidney_injury", 4),
    ("high_viscosity", 2),
    ("low_haemoglobin", 2),
)
"""Which course how many of 40 patients follow."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up patient."""

    number: str
    family: str
    given: str
    sex: str
    birth_date: date
    ward: str
    bed: str
    course: str


def people(count: int, seed: int) -> list[Person]:
    """`count` patients, the courses in the proportions of `COURSES`."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    courses = [name for name, share in COURSES for _ in range(share)]
    return [_person(index, courses[index % len(courses)], chance) for index in range(count)]


def _person(index: int, course: str, chance: random.Random) -> Person:
    sex = chance.choice("FM")
    return Person(
        number=f"DEMO{index + 1:04d}",
        family=f"Izmišljeni-{chance.choice(FAMILIES)}" if sex == "M" else f"Izmišljena-{chance.choice(FAMILIES)}",
        given=chance.choice(WOMEN if sex == "F" else MEN),
        sex=sex,
        birth_date=date(chance.randint(1940, 1972), chance.randint(1, 12), chance.randint(1, 28)),
        ward=WARDS[index % len(WARDS)],
        bed=f"{index // len(WARDS) + 1}",
        course=course,
    )
