"""Rules that can say CRITICAL: switching one of them off needs two people (behaviour 5)."""

from __future__ import annotations

CRITICAL_RULES = frozenset({
    "CA_HIGH", "CA_LOW", "HB_ACUTE", "HB_HALO", "HV", "K_HIGH", "K_LOW", "PLT_LOW", "REN_AKI", "REN_LCCN", "TLS",
})  # fmt: skip
"""Kept equal to the severities of the golden courses by a test."""
