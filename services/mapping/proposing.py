"""What was learned, as TOML to be looked through and pasted into the site file. Pure.

An entry that is certain by LOINC stands as it is; everything else is commented out and marked `# confirm`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from services.mapping.learning import Key, Learned, Seen, Spelling, doubt, guess, loinc_of, plausible, similar
from services.mapping.site import Site

_HEAD = """# Proposed by `halo site learn` from {reports} reports with {results} results: what the site file lacks.
# Entries without `#` are certain by LOINC. Take the `#` away only from what the laboratory has confirmed in writing."""


def propose(learned: Learned, site: Site) -> str:
    """Valid TOML; nothing but comments where nothing is certain."""
    parts = [_HEAD.format(reports=learned.reports, results=learned.results)]
    parts += _authorities(learned, site)
    parts += _senders(learned)
    parts += [part for key in _by_count(learned) for part in [_code(key, learned.codes[key], learned, site)]]
    parts += _units(learned)
    parts += _never(learned)
    if len(parts) == 1:
        parts.append("# Nothing is missing.")
    return "\n\n".join(parts) + "\n"


def _by_count(learned: Learned) -> list[Key]:
    return sorted(learned.codes, key=lambda key: (-learned.codes[key].count, key))


def _code(key: Key, seen: Seen, learned: Learned, site: Site) -> str:
    name = f" {_line(seen.display)}" if seen.display else ""
    lines = [f"# {_who(key.laboratory)} {_line(key.code)}{name}: {_figures(seen)}"]
    others = [f"{_line(code)} ({analyte})" if analyte else _line(code) for code, analyte in loinc_of(seen)]
    lines += [f"# beside it the LOINC code {', '.join(others)}, which Halo does not read"] if others else []
    guesses = guess(key, seen, learned, site)
    against = None if guesses else doubt(key, seen, site)
    if against is not None:
        return "\n".join([*lines, f"# confirm: by its name {against.analyte}, but {_line(against.why)}"])
    if not guesses:
        lines.append("# confirm: no analyte is likely. If Halo need not read it:")
        return "\n".join([*lines, *_commented(_entry("ignore", key))])
    first, *rest = guesses
    entry = [*_entry("code", key), f"analyte = {_text(first.analyte)}"]
    lines += ["# the LOINC code speaks against it: ask what is measured"] if others else []
    lines.append(f"# {first.why}" if first.certain else f"# confirm: {first.why}")
    lines += [f"# or {other.analyte}: {other.why}" for other in rest]
    if not first.certain:
        entry += _unit_when_missing(first.analyte, seen)
        return "\n".join([*lines, *_commented(entry)])
    return "\n".join([*lines, *entry])


def _entry(table: str, key: Key) -> list[str]:
    named = (("laboratory", key.laboratory), ("code", key.code), ("system", key.system))
    return [f"[[{table}]]", *(f"{name} = {_text(value)}" for name, value in named if value)]


def _unit_when_missing(analyte: str, seen: Seen) -> list[str]:
    missing = [number for number, unit in seen.numbers if not unit]
    best = plausible(analyte, missing)
    return [f"unit_when_missing = {_text(best[0][1])}  # {best[0][0]} % usual"] if best and best[0][0] else []


def _units(learned: Learned) -> Iterator[str]:
    for where, seen in sorted(learned.units.items()):
        yield _unit(where, seen) if where.unit else _no_unit(where, seen)


def _unit(where: Spelling, seen: Seen) -> str:
    lines = [f"# {_who(where.laboratory)}, {where.analyte} in {_line(where.unit)}: {_figures(seen)}"]
    numbers = [number for number, _ in seen.numbers]
    found = similar(where.unit, where.analyte) or [
        unit for share, unit in plausible(where.analyte, numbers)[:1] if share
    ]
    if not found:
        return "\n".join([*lines, "# confirm: no accepted unit is likely; ask the laboratory"])
    share = {unit: share for share, unit in plausible(where.analyte, numbers)}.get(found[0], 0)
    lines.append(f"# confirm: the numbers are usual in {found[0]} ({share} %)")
    table = [f"[[laboratory]]  # or add to the one of {_line(where.laboratory)}", f"name = {_text(where.laboratory)}"]
    return "\n".join([*lines, *_commented([*table, f"units = {{ {_text(where.unit)} = {_text(found[0])} }}"])])


def _no_unit(where: Spelling, seen: Seen) -> str:
    shares = ", ".join(
        f"{unit} {share} %" for share, unit in plausible(where.analyte, [n for n, _ in seen.numbers])[:3]
    )
    return (
        f"# {_who(where.laboratory)}, {where.analyte} without a unit: {_figures(seen)}\n"
        f"# confirm: usual in {shares or 'no unit'}; set unit_when_missing in the [[code]] of it, agreed in writing"
    )


def _senders(learned: Learned) -> Iterator[str]:
    for key, seen in sorted(learned.senders.items()):
        application, _, facility = key.partition("|")
        lines = [
            f"# sender {_line(key)} is not listed: {sum(v for k, v in seen.items() if k.startswith('type:'))} messages"
        ]
        entry = ["[[sender]]", f"name = {_text(facility or application)}", f"application = {_text(application)}",
                 f"facility = {_text(facility)}"]  # fmt: skip
        for name, prefix in (
            ("message_types", "type:"),
            ("laboratories", "laboratory:"),
            ("authorities", "authority:"),
        ):
            values = sorted(k.removeprefix(prefix) for k in seen if k.startswith(prefix))
            entry += [f"{name} = [{', '.join(map(_text, values))}]"] if values else []
        entry.append("addresses = []  # where it sends from")
        yield "\n".join([*lines, "# confirm: with the people who run it", *_commented(entry)])


def _authorities(learned: Learned, site: Site) -> Iterator[str]:
    if learned.authorities:
        counts = ", ".join(f"{_line(name)} ({count})" for name, count in learned.authorities.most_common())
        every = [*site.file.identifier.authorities, *sorted(learned.authorities)]
        entry = ["[identifier]", f"authorities = [{', '.join(map(_text, every))}]"]
        yield "\n".join(
            [f"# authorities that are not listed: {counts}", "# confirm: whose numbers they are", *_commented(entry)]
        )


def _never(learned: Learned) -> Iterator[str]:
    for (laboratory, code, reason), count in sorted(learned.never.items()):
        said = f"{count} results are another quantity ({_line(reason)}), whatever an entry says"
        yield f"# {_who(laboratory)} {_line(code)}: {said}"


def _figures(seen: Seen) -> str:
    units = ", ".join(f"{_line(unit) or 'none'} ({count})" for unit, count in seen.units.most_common(4))
    said = [f"{seen.count} results", f"units {units}"]
    if seen.numbers:
        numbers = sorted(number for number, _ in seen.numbers)
        middle = numbers[len(numbers) // 2]
        said.append(f"numbers {numbers[0]:f} to {numbers[-1]:f}, in the middle {middle:f}")
    if seen.texts:
        said.append(f"{seen.texts} are no number")
    return ", ".join(said)


def _commented(lines: list[str]) -> list[str]:
    return [f"# {line}" for line in lines]


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _who(laboratory: str) -> str:
    return _line(laboratory) or "no laboratory"


def _line(value: str) -> str:
    """Of a comment: no control character gets into it."""
    return "".join(c if c.isprintable() else "?" for c in value)
