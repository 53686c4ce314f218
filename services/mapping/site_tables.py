"""Tables of the site file that other parts of Halo read: wards, teams, recipients, channels, schedules, policies. Pure.

Checked here as far as their shape goes, so that a mistake is told with its line; what an entry means is said by the
part that reads it, and keys it may have are not limited. Where teams or policies are listed at all, somebody must
always be there to be called: one team is the default, and every policy ends with a last recipient (agreed behaviour 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

LANGUAGES: Final = ("sl", "en")
LISTS: Final = ("ward", "team", "recipient", "person", "channel", "schedule", "policy")
"""Tables with an entry each: `[[ward]]`."""
TABLES: Final = ("languages", "listen", "rules", "retention")
OTHERS: Final = frozenset({*LISTS, *TABLES, "language"})
"""Everything beside what mapping reads."""


def mistakes(others: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place (`ward[1].beds`) and mistake, for `read_site`."""
    for table in sorted(others.keys() & set(LISTS)):
        yield from _list(table, others[table])
    for table in sorted(others.keys() & set(TABLES)):
        if not isinstance(others[table], dict):
            yield table, f"is a table: write [{table}] on a line of its own"
    if others.get("language", LANGUAGES[0]) not in LANGUAGES:
        yield "language", f"{others['language']!r} is none of {', '.join(LANGUAGES)}"
    if not any(True for table in others for _ in (_list(table, others[table]) if table in LISTS else ())):
        yield from _somebody(others)


def _list(table: str, entries: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield table, f"is a list of entries: write [[{table}]] on a line of its own for each"
        return
    names: dict[str, int] = {}
    for at, entry in enumerate(entries):
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            yield f"{table}[{at}].name", "is missing: every entry has a name of its own"
        elif (first := names.setdefault(name, at)) != at:
            yield f"{table}[{at}].name", f"{name!r} is the name of entry {first + 1} already"
        if table == "ward":
            yield from _ward(at, entry)


def _ward(at: int, entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    beds = entry.get("beds", [])
    if not isinstance(beds, list) or not all(isinstance(bed, str) and bed for bed in beds):
        yield f"ward[{at}].beds", 'is a list of names: beds = ["1", "2A"]'
    elif len(set(beds)) < len(beds):
        yield f"ward[{at}].beds", "names a bed twice"
    if entry.get("language", LANGUAGES[0]) not in LANGUAGES:
        yield f"ward[{at}].language", f"{entry['language']!r} is none of {', '.join(LANGUAGES)}"


def _somebody(others: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    teams, policies = others.get("team", []), others.get("policy", [])
    if not teams and not policies:
        return
    defaults = [team for team in teams if team.get("default") is True]
    if len(defaults) != 1:
        place = "team" if teams else "policy"
        yield (
            place,
            f"{len(defaults)} teams are the default; write default = true in one: whose place is unknown is its",
        )
    for at, policy in enumerate(policies):
        if not policy.get("last_recipient"):
            yield f"policy[{at}].last_recipient", "is missing: who is called when nobody else answers"
    if not policies and defaults and not defaults[0].get("last_recipient"):
        yield f"team[{teams.index(defaults[0])}].last_recipient", "is missing: who is called when nobody else answers"
