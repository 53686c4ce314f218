"""A held value in the call to a clinician: the number as it was sent wherever it can be read in two ways."""

from __future__ import annotations

import pytest

from alerts.wording.unverified import Held, page


@pytest.mark.parametrize(("sent", "said"), [("13.9", "13,9"), ("1.234,5", "1.234,5"), ("1.234.567", "1.234.567")])
def test_only_a_plain_number_gets_a_decimal_comma(sent: str, said: str) -> None:
    held = Held(analyte="ca", value=sent, unit="", units=("mg/dL",), laboratory="LAB1", reason="ambiguous_number")
    assert f" {said} " in page(held, "sl")
    assert f" {sent} " in page(held, "en")
