"""`halo explain ALERT`: the reasons of one alert, as text or JSON, down to the raw segments."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, LiteralString

import click
import msgspec

from alerts.alert import AlertState
from alerts.explaining import explain, sentences
from alerts.result import Result
from alerts.wording.catalogue import catalogue
from services.cli.running import settings_of
from services.shared import database

_ALERT: LiteralString = """
SELECT alert_id::text, version, condition, response, code, rule_pack_status, body FROM alert
WHERE alert_id::text = %s OR code = upper(%s)
ORDER BY condition = 'active' DESC, changed_at DESC
"""
_RESULTS: LiteralString = (
    "SELECT body FROM result WHERE result_id = ANY(%s::text[]::uuid[]) ORDER BY collected_at, analyte"
)
_RAW: LiteralString = "SELECT raw, charset FROM source_message WHERE event_id = %s"


@click.command("explain")
@click.argument("alert")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.option("--language", type=click.Choice(["en", "sl"]), default="en", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of a running `halo up`.")
def command(alert: str, language: Any, data_dir: Path | None, *, as_json: bool) -> None:
    """Explain ALERT, given by its id or its telephone code."""
    found = asyncio.run(_find(settings_of(data_dir).database, alert))
    if found is None:
        raise click.ClickException(f"there is no alert {alert}")
    head, state, segments = found
    if as_json:
        click.echo(msgspec.json.encode({**explain(state), **head, "segments": segments}))
        return
    click.echo(
        f"{state.severity} {state.level} {head['condition']}, {head['response']}, "
        f"version {head['version']}, code {head['code']}"
    )
    if head["rule_pack_status"] == "draft":
        click.echo(catalogue(language).text("table.draft"))
    click.echo(
        f"{state.summary[language]}\n"
        f"rule {state.rule}, pack {state.rule_pack}, opened {state.opened_at:%Y-%m-%d %H:%M}Z"
    )
    for sentence in sentences(state, language):
        click.echo(f"- {sentence}")
    for segment in segments:
        click.echo(
            f"{segment['analyte']} {segment['collected_at']} event {segment['event_id']} segment {segment['segment']}:"
        )
        click.echo(f"  {segment['raw']}")


async def _find(dsn: str, alert: str) -> tuple[dict[str, Any], AlertState, list[dict[str, Any]]] | None:
    async with await database.connect(dsn, "explain") as conn:
        row = await (await conn.execute(_ALERT, (alert, alert))).fetchone()
        if row is None:
            return None
        names = ("alert_id", "version", "condition", "response", "code", "rule_pack_status")
        state = msgspec.json.decode(row[6], type=AlertState)
        bodies = await (await conn.execute(_RESULTS, (list(state.results),))).fetchall()
        results = [msgspec.json.decode(body, type=Result) for (body,) in bodies]
        return dict(zip(names, row, strict=False)), state, [await _segment(conn, result) for result in results]


async def _segment(conn: Any, result: Result) -> dict[str, Any]:
    place = result.source
    row = await (await conn.execute(_RAW, (place.event_id,))).fetchone()
    raw, charset = (bytes(row[0]), row[1]) if row else (b"", "")
    piece = raw[place.offset : place.offset + place.length]
    return {
        "analyte": result.analyte, "result_id": result.result_id,
        "collected_at": f"{result.collected_at:%Y-%m-%dT%H:%MZ}",
        "event_id": place.event_id, "segment": place.segment, "offset": place.offset, "length": place.length,
        "raw": _decoded(piece, charset),
    }  # fmt: skip


def _decoded(piece: bytes, charset: str) -> str:
    try:
        return piece.decode(charset or "utf-8", "backslashreplace")
    except LookupError:
        return piece.decode("utf-8", "backslashreplace")
