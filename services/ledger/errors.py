"""Why a batch did not go through.

LedgerError
├── Unavailable     the database is away or in the way: try the same batch again, acknowledge nothing
├── OffsetsWentBack the database forgot what it had: end the process, so that assignment seeks again
├── AliasesChanged  a merge came between reading and locking: start the transaction again
│   └── SiteChanged     another site file came into force meanwhile: start the transaction again
├── OutOfStep       the cache and the database disagree: drop the cached patients and start again
├── StaleVersion    an acknowledgement of a version that is no longer the current one
├── NoSuchAlert     no alert of that id
├── NotHolding      the alert holds nothing back, or not any more
├── PackUnusable    the rule pack in force cannot be run by this program: end the process, do not judge by another
│   └── SiteUnusable    the same of the site file in force
└── ChainBroken     the alert log does not verify
"""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger refused or could not do something."""


class Unavailable(LedgerError):
    """Nothing was decided about the batch; the outcome may be unknown. Try again."""


class OffsetsWentBack(LedgerError):
    """The stored offset is below what this worker committed: the database was restored to an earlier time."""


class AliasesChanged(LedgerError):
    """Start the transaction again."""


class SiteChanged(AliasesChanged):
    """Start the transaction again, with the site file that is in force now."""


class StaleVersion(LedgerError):
    """The alert changed since the person read it; `current` is the version to read."""

    def __init__(self, alert_id: str, seen: int, current: int) -> None:
        super().__init__(f"alert {alert_id} is at version {current}, you saw {seen}: read it again")
        self.current = current


class NoSuchAlert(LedgerError):
    """No alert of that id."""


class NotHolding(LedgerError):
    """Not a specimen mismatch whose alerts wait."""


class ChainBroken(LedgerError):
    """A row of the alert log was changed, removed or added by another key."""


class PackUnusable(LedgerError):
    """The message says which pack, what is wrong with it and what to do."""


class SiteUnusable(PackUnusable):
    """The message says which site file, what is wrong with it and what to do."""


class OutOfStep(LedgerError):
    """Something was written without its patient's lock; nothing of this transaction is stored."""
