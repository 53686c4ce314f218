"""Texts in Slovene and English from one set of facts."""

from __future__ import annotations

from alerts.episodes import Episode


def summaries(rule: str, episode: Episode) -> dict[str, str]:
    """`en` and `sl`, each under 140 characters, without an identifier."""
    _ = episode
    return {"en": rule, "sl": rule}
