"""The rule pack laid out for reading: aligned text for a terminal, Markdown for `docs/rules.md`."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.pack_table import EVERY, Row, rows
from alerts.rules import RULES
from alerts.thresholds import Pack
from alerts.wording.catalogue import LANGUAGES, Language, catalogue
from alerts.wording.figures import unit

Section = tuple[str, list[Row]]
"""A heading and the numbers below it."""


def plain(pack: Pack, language: Language) -> str:
    """Aligned columns under one heading a rule."""
    lines = [_standing_of(pack, language)]
    for heading, found in _sections(pack, language):
        table = [_cells(row, language) for row in found]
        widths = [max(len(cells[n]) for cells in table) for n in range(len(table[0]))]
        lines += ["", heading]
        lines += ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    return "\n".join(lines) + "\n"


def markdown(pack: Pack) -> str:
    """One page, every language one after the other."""
    return "\n".join(line for language in LANGUAGES for line in _page(pack, language))


def _page(pack: Pack, language: Language) -> Iterator[str]:
    words = catalogue(language)
    yield f"# {words.text('table.title')}\n"
    yield f"{_standing_of(pack, language)}.\n"
    yield f"{words.text('table.marks')}\n"
    yield f"{words.text('table.made')}\n"
    titles = [words.text(f"table.{name}") for name in ("key", "value", "source", "version", "standing")]
    for heading, found in _sections(pack, language):
        yield f"## {heading}\n"
        yield _line(titles)
        yield _line(["---"] * len(titles))
        for row in found:
            yield _line(_cells(row, language))
        yield ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _standing_of(pack: Pack, language: Language) -> str:
    words = catalogue(language)
    return words.text(
        "table.pack", version=pack.version, status=words.first(f"table.{pack.status}", default=pack.status)
    )


def _sections(pack: Pack, language: Language) -> Iterator[Section]:
    """Each rule with the numbers it alone reads, then what rules share, then what is only shown."""
    words, groups = catalogue(language), _grouped(pack)
    for rule in RULES:
        if own := groups.pop((rule.name,), None):
            yield f"{rule.name}: {words.text(f'question.{rule.name}')}", own
    last = [key for key in ((EVERY,), ()) if key in groups]
    for key in [*(key for key in groups if key not in last), *last]:
        yield _shared(key, language), groups[key]


def _shared(rules: tuple[str, ...], language: Language) -> str:
    words = catalogue(language)
    if not rules:
        return words.text("table.shown")
    return words.text("table.every") if rules == (EVERY,) else words.text("table.several", rules=", ".join(rules))


def _grouped(pack: Pack) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows(pack, RULES):
        groups.setdefault(row.rules, []).append(row)
    return groups


def _cells(row: Row, language: Language) -> list[str]:
    words = catalogue(language)
    value = words.first(
        f"direction.{row.value}", default=row.value.replace(".", ",") if language == "sl" else row.value
    )
    said = " ".join(part for part in (row.operator, value, unit(row.unit, language)) if part)
    version = f"{row.version} ({row.effective})"
    return [row.key, said, row.source, version, words.text(f"standing.{row.standing}")]
