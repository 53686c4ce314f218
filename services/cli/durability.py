"""Which promise of durability holds: surviving a process's death, or the loss of a machine too (design 1)."""

from __future__ import annotations

from dataclasses import dataclass

from services.shared import kafka
from services.shared.database import connect_blocking
from services.shared.topics import PATIENT_EVENTS

COPIES_WANTED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What is there: copies of the event log, and standbys that confirm a commit."""

    replicas: int
    synchronous_standbys: int

    @property
    def survives_machine_loss(self) -> bool:
        """True when a lost machine or disk loses nothing that was acknowledged."""
        return self.replicas > COPIES_WANTED and self.synchronous_standbys > 0

    def sentence(self) -> str:
        """For the start banner and `halo doctor`."""
        if self.survives_machine_loss:
            return "Nothing acknowledged is lost when a process dies or a machine is lost."
        missing = []
        if self.replicas <= COPIES_WANTED:
            missing.append(f"Kafka keeps {self.replicas} of the three copies of each event")
        if self.synchronous_standbys == 0:
            missing.append("PostgreSQL has no synchronous standby")
        reason = " and ".join(missing)
        return (
            "Nothing acknowledged is lost when a process dies; the loss of this machine or its disk is NOT survived: "
            f"{reason}."
        )


def measure(bootstrap: str, dsn: str) -> Durability:
    """Ask the broker and the database. KafkaUnreachable or psycopg.OperationalError when one does not answer."""
    with connect_blocking(dsn, "doctor", autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
        ).fetchone()
    standbys = int(row[0]) if row is not None else 0
    return Durability(replicas=kafka.replicas_of(bootstrap, PATIENT_EVENTS), synchronous_standbys=standbys)
