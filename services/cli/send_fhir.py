"""`halo send --fhir URL`: FHIR files over HTTP, and what the receiver answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import click
import httpx

from services.cli.saying import Sayer
from services.reading.fhir.files import documents

AGAIN = frozenset({429, 503})
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 60.0
_JSON = {"Content-Type": "application/fhir+json"}


def send_files(
    url: str, token_file: Path | None, files: Sequence[Path], sayer: Sayer, *, rate: float | None, patience: float,
    ca: Path | None = None,
) -> bool:  # fmt: skip
    """Every document of the files, one after another; True when all were taken. ClickException if nobody answers."""
    token = token_file.read_text("utf-8").strip() if token_file else ""
    headers = {**_JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
    counts: Counter[str] = Counter()
    with httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, verify=str(ca) if ca else True) as client:
        for path, document in [(file, one) for file in files for one in documents(file.read_bytes())]:
            begun = monotonic()
            answer = _post(client, url, document, patience)
            wrong = _faults(answer)
            counts[f"{answer.status_code}" + (" in part" if wrong and answer.is_success else "")] += 1
            sayer.say(" ".join([str(answer.status_code), path.name, *wrong]))
            if rate:
                sleep(max(0.0, 1 / rate - (monotonic() - begun)))
    sayer.say(", ".join(f"{count} x {status}" for status, count in sorted(counts.items())))
    return all(status in ("200", "201") for status in counts)


def _post(client: httpx.Client, url: str, document: bytes, patience: float) -> httpx.Response:
    """Sent again while it cannot be taken now; the same bytes are stored once."""
    deadline = monotonic() + patience
    while True:
        try:
            answer = client.post(url, content=document)
        except httpx.TransportError as error:
            if monotonic() > deadline:
                raise click.ClickException(f"no answer from {url}: {error}; is intake running (`halo up`)?") from error
        else:
            if answer.status_code not in AGAIN or monotonic() > deadline:
                return answer
        sleep(PAUSE_SECONDS)


def _faults(answer: httpx.Response) -> list[str]:
    """What the answer complains of, of a Bundle entry by entry."""
    try:
        body = answer.json()
    except ValueError:
        return [answer.text[:200]]
    return list(_texts(body))


def _texts(body: dict[str, Any]) -> list[str]:
    outcomes = [entry.get("response", {}).get("outcome", {}) for entry in body.get("entry", ())] or [body]
    issues = [issue for outcome in outcomes for issue in outcome.get("issue", ()) if issue["severity"] == "error"]
    return [" ".join([*issue.get("expression", ()), issue["details"]["text"]]) for issue in issues]
