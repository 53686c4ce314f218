"""Which message types carry what (HL7 v2 chapters 3 and 7); every other type is `ignored_type`."""

from __future__ import annotations

Kind = tuple[str, str]
"""MSH-9.1 and MSH-9.2; the trigger is "" where an old sender names none."""

RESULTS: frozenset[Kind] = frozenset(
    {("ORU", trigger) for trigger in ("", "R01", "R30", "R31", "R32")}
    | {("OUL", trigger) for trigger in ("R21", "R22", "R23", "R24")}
)
"""Results; R30 to R32 come from the point of care."""
SPECIMEN_FIRST: frozenset[Kind] = frozenset({("OUL", "R22"), ("OUL", "R23")})
"""SPM stands before the orders of its specimen."""
ORDER_BEHIND: frozenset[Kind] = frozenset({("OUL", "R22"), ("OUL", "R23"), ("OUL", "R24")})
"""ORC stands behind its OBR."""

PLACED = frozenset({"A01", "A02", "A04", "A06", "A07", "A08", "A10", "A12", "A13", "A17"})
"""PV1-3 says where the patient is from the event on."""
DISCHARGED = frozenset({"A03"})
CANCELS = {"A11": ("A01", "A04"), "A12": ("A02",), "A13": ("A03",)}
"""What each cancellation takes back: the newest of these before it."""
DESCRIBED = frozenset({"A05", "A28", "A31"})
"""Name, birth date, sex, identifiers and death only."""
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"})
"""PID and MRG: MRG-1 was this person too and is retired."""
LINKS, UNLINKS = frozenset({"A24"}), frozenset({"A37"})
"""Two PID: the sender holds them for one person, or not any more."""

ADMINISTRATION: frozenset[Kind] = frozenset(
    ("ADT", trigger) for trigger in (*PLACED, *DISCHARGED, *CANCELS, *DESCRIBED, *MERGES, *LINKS, *UNLINKS)
)
USED = RESULTS | ADMINISTRATION
