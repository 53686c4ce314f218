"""How long the certificates of the listeners still last, for `halo doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from services.shared.certificates import not_after

WARN_BEFORE = timedelta(days=30)
FAIL_BEFORE = timedelta(days=7)
"""Agreed behaviour 7: warned 30 days before, paged 7 days before."""
USES = {
    "mllp_server": "HALO_MLLP_TLS_CERTIFICATE",
    "mllp_client_ca": "HALO_MLLP_TLS_CLIENT_CA",
    "fhir_server": "HALO_FHIR_TLS_CERTIFICATE",
}
"""Use, as in `halo_certificate_not_after_timestamp_seconds`, and the variable that names the file."""

Seen = tuple[Literal["ok", "warn", "fail"], str, str]
"""Level, what is so, what to do."""


def look(environment: Mapping[str, str], now: datetime) -> Iterator[Seen]:
    """One finding for each certificate that is set; none without TLS."""
    for use, variable in USES.items():
        if path := environment.get(variable):
            yield _one(use, variable, Path(path), now)


def _one(use: str, variable: str, path: Path, now: datetime) -> Seen:
    try:
        left = not_after(path) - now
    except (OSError, ValueError) as error:
        return "fail", f"{use}: {error}", f"correct {variable}"
    text = f"{use} ends in {left.days} days" if left > timedelta() else f"{use} has ended: nobody can connect"
    if left > WARN_BEFORE:
        return "ok", text, ""
    return "warn" if left > FAIL_BEFORE else "fail", text, f"replace {path}; it is taken up without a restart"
