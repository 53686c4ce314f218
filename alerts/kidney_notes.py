"""What the text of a kidney alert adds when present (kidney 3): zoledronate, NSAID, contrast, high calcium."""

from __future__ import annotations

from datetime import datetime

from alerts.logic import TRUE
from alerts.rule import View
from alerts.samples import quantity

_HARMFUL = {"zoledron": "zoledronate", "nsaid": "nsaid", "contrast": "contrast"}


def notes(view: View, at: datetime) -> dict[str, str]:
    """`drugs` (names, comma between) and `calcium` (mmol/L) as facts for the wording; absent when not present."""
    drugs = _drugs(view, at)
    calcium = _raised_calcium(view, at)
    return ({"drugs": drugs} if drugs else {}) | ({"calcium": calcium} if calcium else {})


def note_flags(found: dict[str, str]) -> set[str]:
    """The same as flags, so that the headline has words for them: `with_nsaid`, `with_hypercalcaemia`, ..."""
    drugs = {f"with_{name}" for name in found.get("drugs", "").split(",") if name}
    return drugs | ({"with_hypercalcaemia"} if "calcium" in found else set())


def _drugs(view: View, at: datetime) -> str:
    """Drugs of the context that were given at `at`, by code, class (value) or note."""
    said = [f"{d.code} {d.value} {d.note}".casefold() for d in view.context.active("drug", at)]
    return ",".join(name for word, name in _HARMFUL.items() if any(word in text for text in said))


def _raised_calcium(view: View, at: datetime) -> str:
    """The laboratory's adjusted, else the total calcium of the draw, when above the HALO limit."""
    limit = view.pack.limit("kidney_notes.calcium")
    for analyte in ("ca_adj", "ca"):
        point = view.series.at(analyte, at)
        if point is not None:
            raised = quantity(point).interval
            above = raised is not None and raised.test(limit.operator, limit.value) is TRUE
            return str(point.result.value) if above else ""
    return ""
