"""The error tree of the contracts.

SchemaError
├── UndecodableEvent   bytes that are no `patient-events.v1` value
├── UnknownAnalyte     an analyte id that `analytes.toml` does not list
└── UnitRefused        a unit or number that must be quarantined; carries the reason
"""


class SchemaError(Exception):
    """A message does not meet its contract."""


class UndecodableEvent(SchemaError):
    """Bytes that no version of the contract can decode; keep them as a dead letter."""


class UnknownAnalyte(SchemaError):
    """No such analyte; the table in `schemas/analytes.toml` is closed."""


class UnitRefused(SchemaError):
    """A value that must not be evaluated.

    `reason` is one of the quarantine reasons of the clinical specification (analytes, section 2).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
