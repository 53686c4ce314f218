"""How long a shown value stays fresh; past it the board greys and hatches it. It alters no alert.

Calcium 24 h and free light chains 45 d are those asked of ward screens; the others are engineering defaults [E], set
beside them by kind (chemistry of the acutely ill, blood count, slow tumour markers), to be confirmed by a clinician.
"""

from __future__ import annotations

from datetime import timedelta

_DAY = timedelta(days=1)
VALIDITY: dict[str, timedelta] = {
    "ca": _DAY, "ca_adj": _DAY, "adjusted_calcium": _DAY, "ica": _DAY, "creat": _DAY, "k": _DAY,
    "hb": 3 * _DAY, "plt": 3 * _DAY, "neut": 3 * _DAY,
    "mspike": 45 * _DAY, "flck": 45 * _DAY, "flcl": 45 * _DAY,
}  # fmt: skip
OTHERWISE = 7 * _DAY


def validity(analyte: str) -> timedelta:
    """Span after collection for which the value counts as fresh."""
    return VALIDITY.get(analyte, OTHERWISE)
