"""The words of a mail, in Slovene and English. No name and no hospital number: the link leads to them, after login."""

from __future__ import annotations

from typing import Any, Literal

from services.notifier.channels.message import Message

Language = Literal["sl", "en"]

WORDS: dict[Language, dict[str, str]] = {
    "sl": {
        "opened": "Nov alarm", "regraded": "Alarm spremenjen", "cleared": "Alarm je mimo", "retracted": "Preklicano",
        "superseded": "Nadomeščeno", "reopened": "Spet velja", "changed": "Alarm spremenjen",
        "CRITICAL": "KRITIČNO", "HIGH": "VISOKO", "MEDIUM": "SREDNJE", "LOW": "NIZKO",
        "severity": "Resnost", "before": "Prej sporočeno", "ward": "Oddelek", "code": "Koda", "link": "Odpri",
        "repeated": "To sporočilo je morda že prispelo.", "late": "Pozen izvid: vzorec je starejši od tedna.",
        "draft": "NI ODOBRENO ZA KLINIČNO UPORABO",
        "banner": "Prag je presežen. Ali je vzrok mielom, mora presoditi zdravnik.",
    },
    "en": {
        "opened": "New alert", "regraded": "Alert changed", "cleared": "Alert cleared", "retracted": "Withdrawn",
        "superseded": "Replaced", "reopened": "Holds again", "changed": "Alert changed",
        "severity": "Severity", "before": "Said before", "ward": "Ward", "code": "Code", "link": "Open",
        "repeated": "This message may have reached you before.", "late": "Late result: the sample is over a week old.",
        "draft": "NOT APPROVED FOR CLINICAL USE",
        "banner": "Threshold crossed. Whether myeloma is the cause must be judged by a clinician.",
    },
}  # fmt: skip


def subject(message: Message, language: Language) -> str:
    """Severity and finding within the first words; before them only that the rules are not approved."""
    body = message.body
    words = WORDS[language]
    draft = f"{words['draft']} | " if message.draft else ""
    return f"{draft}HALO {body.get('severity', '')} | {words[_change(body)]}: {_summary(body, language)}"


def mail_text(message: Message, language: Language) -> str:
    """The whole mail as plain text."""
    body, words = message.body, WORDS[language]
    lines = [words["draft"], ""] if message.draft else []
    lines += [_summary(body, language), ""]
    lines += [f"{words['severity']}: {words.get(str(body.get('severity')), body.get('severity', ''))}"]
    lines += [f"{words[key]}: {body[key]}" for key in ("ward", "code") if body.get(key)]
    lines += [f"{words['before']}: {_summary(body['before'], language)}"] if body.get("before") else []
    lines += [words["late"]] if body.get("late") else []
    lines += [words["repeated"]] if message.possibly_repeated else []
    lines += ["", f"{words['link']}: {message.link}", "", words["banner"]]
    lines += [words["draft"]] if message.draft else []
    return "\n".join(lines) + "\n"


def _summary(body: dict[str, Any], language: Language) -> str:
    summary = body.get("summary") or {}
    return str(summary.get(language) or summary.get("en") or body.get("level", ""))


def _change(body: dict[str, Any]) -> str:
    change = str(body.get("change", "changed"))
    return change if change in WORDS["en"] else "changed"
