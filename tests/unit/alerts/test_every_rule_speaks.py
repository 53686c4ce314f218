"""Every rule of the pack has its words: its levels read well in both languages, whatever it was asked about."""

from __future__ import annotations

import pytest

from alerts.rules import RULES
from alerts.wording import LANGUAGES, catalogue

READS_WELL_BY_ITS_VALUE = {"CA_HIGH", "HB_HALO", "K_HIGH", "K_LOW"}
"""A calcium, haemoglobin or potassium with its number needs no further word."""
LEVELS = {
    "REN_AKI": ("AKI_1", "AKI_2", "AKI_3"), "HV": ("HV_CHECK", "HV_HIGH", "HV_CRITICAL"),
    "BIO": ("BIO_POSSIBLE", "BIO_PD", "BIO_SIGNIFICANT"), "LC_ESCAPE": ("LC_ESCAPE_POSSIBLE", "LC_ESCAPE"),
    "TLS": ("TLS_LAB", "TLS_CLINICAL"),
    "CR_LOST": ("CR_LOST_POSSIBLE", "CR_LOST"),
    "STALE": ("STALE_INFO", "STALE_OVERDUE", "STALE_PENDING"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(rule.name for rule in RULES if rule.name not in READS_WELL_BY_ITS_VALUE))
def test_every_level_has_words_in_both_languages(name: str) -> None:
    for level in LEVELS.get(name, (name,)):
        for language in LANGUAGES:
            assert f"level.{level}" in catalogue(language), f"level.{level} in {language}.po"
