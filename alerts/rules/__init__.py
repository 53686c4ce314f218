"""The clinical promises, one question a file."""

from __future__ import annotations

from alerts.rule import Rule

RULES: tuple[Rule, ...] = ()
