"""What a context entry may say: refused in words before it is sent, where a slip would silence or mean nothing."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextEntry
from services.shared.context_event import fault


def entry(kind: str, value: str = "", start: str = "2026-03-01", **more: str) -> ContextEntry:
    return ContextEntry(kind=kind, value=value, from_=start, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("right", [
    entry("enrolment", "candidate"), entry("enrolment", "Enrolled"), entry("enrolment", "", code="ended"),
    entry("care", "palliative_no_bloods"), entry("care", "active"), entry("deceased"), entry("deceased", "no"),
    entry("chronic_baseline", "220", code="creat", unit="umol/L"),
    entry("chronic_baseline", "8,5", code="hb", unit="g/dL"), entry("dialysis"), entry("dialysis", "", ""),
    entry("monitoring_interval", "61", ""), entry("monitoring_interval", "28", unit="d"),
    entry("monitoring_interval", "", code="91"), entry("state", "Smouldering", ""), entry("state", "", code="on_treatment"),
    entry("isotype", "", "", code="IgG-kappa"), entry("isotype", "IgA lambda + FLC_kappa"), entry("isotype", "kappa"),
    entry("isotype", "IgG3-kappa"), entry("isotype", "withdrawn"), entry("patient_type", "flc_only"),
])  # fmt: skip
def test_what_is_right_passes(right: ContextEntry) -> None:
    assert fault(right) == ""


@pytest.mark.parametrize(("wrong", "said"), [
    (entry("enrolment", "enroled"), "'enroled' is no word of enrolment; write candidate, enrolled, ended"),
    (entry("enrolment"), "is no word of enrolment"), (entry("care", "palliative"), "is no word of care"),
    (entry("care", "moved", ""), "care needs the time"), (entry("deceased", "", ""), "deceased needs the time"),
    (entry("enrolment", "enrolled", "", to="2026-01-01"), "enrolment needs the time"),
    (entry("chronic_baseline", "220", code="creat"), "unit"), (entry("chronic_baseline", "220"), "code"),
    (entry("chronic_baseline", "2.9", code="ca", unit="mmol/L"), "takes no accepted baseline"),
    (entry("chronic_baseline", "abc", code="creat", unit="umol/L"), "abc"),
    (entry("chronic_baseline", "220", "", code="creat", unit="umol/L"), "needs the time"),
    (entry("deceased", "", "2026-13-01"), "is no time"),
    (entry("state", "smoldering"), "value: 'smoldering' is no word of state; write smouldering, on_treatment"),
    (entry("state", "", code="treated"), "code: 'treated' is no word of state"), (entry("state"), "is no word of state"),
    (entry("isotype", "", code="IgG-kapa"), "code: 'IgG-kapa' is no word of isotype; write IgG-kappa, IgA-lambda"),
    (entry("isotype", "lG kappa"), "is no word of isotype"), (entry("isotype", "chains"), "is no word of isotype"),
    (entry("patient_type", "blood"), "write serum, urine"),
    *((entry("monitoring_interval", value, unit=unit), "no whole number of days above 0") for value, unit in (
        ("monthly", ""), ("0", ""), ("-7", "d"), ("8", "wk"), ("30.5", "d"), ("", ""))),
])  # fmt: skip
def test_what_is_wrong_is_said_in_words(wrong: ContextEntry, said: str) -> None:
    assert said in fault(wrong)
