"""Texts in Slovene and English from one set of facts."""

from __future__ import annotations

from alerts.episodes import Episode
from alerts.wording.catalogue import LANGUAGES, Language, catalogue
from alerts.wording.figures import pager
from alerts.wording.headline import headline
from alerts.wording.sms import sms


def summaries(rule: str, episode: Episode) -> dict[str, str]:
    """`en` and `sl`, each under 140 characters, without an identifier."""
    return {language: headline(rule, episode, language) for language in LANGUAGES}


__all__ = ["LANGUAGES", "Language", "catalogue", "headline", "pager", "sms", "summaries"]
