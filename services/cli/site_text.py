"""A site file for the command line: read from disk with a plain message, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from services.mapping.site import Site
from services.mapping.site_file import SiteInvalid, read_site


def read_file(path: Path) -> Site:
    """ClickException names file, line, key and mistake."""
    try:
        return read_site(path.read_bytes().decode("utf-8-sig"), str(path))
    except SiteInvalid as error:
        raise click.ClickException(str(error)) from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8") from error


def changed_entries(old: Site, new: Site) -> Iterator[str]:
    """One line an entry that is new, gone or another."""
    before, after = dict(_entries(old)), dict(_entries(new))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- {name}  {before[name]}"
        elif name not in before:
            yield f"+ {name}  {after[name]}"
        elif before[name] != after[name]:
            yield f"~ {name}  {before[name]}  ->  {after[name]}"


def _entries(site: Site) -> Iterator[tuple[str, str]]:
    everything: dict[str, Any] = {**msgspec.to_builtins(site.file, str_keys=True), **site.others}
    for table, content in everything.items():
        if isinstance(content, list | tuple):
            for number, entry in enumerate(content):
                yield f"[[{table}]] {_name(entry, number)}", _body(entry)
        elif isinstance(content, dict):
            yield from ((f"[{table}] {key}", _body(value)) for key, value in content.items())
        else:
            yield table, _body(content)


def _name(entry: Any, number: int) -> str:
    if not isinstance(entry, dict):
        return str(number + 1)
    parts = (entry.get(key) for key in ("laboratory", "name", "code", "system"))
    return " ".join(str(part) for part in parts if part) or str(number + 1)


def _body(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_body(one)}" for key, one in value.items() if one not in ("", (), [], {}, None, False))
    return ",".join(map(_body, value)) if isinstance(value, list | tuple) else str(value)
