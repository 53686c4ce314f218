"""The ports of one installation: a base moves them all (`halo up --ports BASE`)."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_BASE = 8400
MLLP_DEFAULT = 2575  # registered for MLLP


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback TCP ports; Postgres listens on a Unix socket only."""

    base: int = DEFAULT_BASE
    moved: bool = False
    """True when the base was chosen; only then does MLLP leave its registered port."""

    @property
    def board(self) -> int:
        """Pages and REST API."""
        return self.base

    @property
    def fhir(self) -> int:
        """FHIR intake."""
        return self.base + 1

    @property
    def mllp(self) -> int:
        """HL7 v2 intake."""
        return self.base + 2 if self.moved else MLLP_DEFAULT

    @property
    def kafka(self) -> int:
        """Broker."""
        return self.base + 3

    @property
    def kafka_controller(self) -> int:
        """KRaft quorum."""
        return self.base + 4

    @property
    def smtp_sink(self) -> int:
        """The demo's inbox (SMTP)."""
        return self.base + 5

    @property
    def webhook_sink(self) -> int:
        """The demo's inbox (web page and webhook)."""
        return self.base + 6

    def metrics(self, index: int) -> int:
        """Probes and metrics of the supervised process number `index` (from 0)."""
        return self.base + 10 + index
