"""What the processor counts; after the commit, so that nothing is counted that could still be undone."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import Counter, Gauge, Histogram

from services.ledger.record import Outcome

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)

EVENTS = Counter("halo_events_stored_total", "Events committed, by what became of them.", ["outcome"])
RESULTS = Counter("halo_results_processed_total", "Results committed, by what became of them.", ["outcome"])
ALERTS = Counter("halo_alert_changes_total", "Changes of alerts.", ["rule", "change", "severity"])
DEAD = Counter("halo_dead_letters_total", "Records that could not be stored; kept whole in the dead letters.")
DELIVERIES = Counter("halo_deliveries_decided_total", "Messages decided on, one per channel and recipient.")
LATENCY = Histogram("halo_result_end_to_end_seconds", "From reception to each stage.", ["stage"], buckets=_SECONDS)
BATCH = Histogram("halo_batch_events", "Events in one transaction.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
COMMIT = Histogram("halo_transaction_seconds", "Time of one transaction.", buckets=_SECONDS)
RULE = Counter("halo_rule_evaluation_seconds_total", "Time spent in each rule.", ["rule"])
HEARTBEAT = Gauge(
    "halo_heartbeat_last_seen_timestamp_seconds", "When the last committed heartbeat was sent.", ["stage", "partition"]
)
OLDEST = Gauge(
    "halo_oldest_unprocessed_timestamp_seconds",
    "When the oldest record in hand was produced; now when idle.",
    ["topic"],
)
SEEKS = Counter("halo_offset_seeks_total", "Starts away from Kafka's own offset.", ["direction"])
RETRIES = Counter("halo_transaction_retries_total", "Batches tried again because the database was away.")
STOPPED = Gauge("halo_partitions_stopped", "Partitions stopped after too many dead letters in a row.")
UNREAD = Gauge("halo_partitions_unread", "Partitions that the group gave to no worker.")
UNAVAILABLE = Gauge("halo_database_unavailable", "1 while the database does not answer.")
OPEN = Gauge("halo_alerts_open", "Active alerts.", ["severity", "response"])


def count(outcome: Outcome) -> None:
    """Count one committed batch."""
    for name in ("events", "repeated", "refused"):
        EVENTS.labels(name if name != "events" else "stored").inc(getattr(outcome, name))
    for name in ("results", "duplicates", "quarantined", "ignored"):
        RESULTS.labels(name if name != "results" else "stored").inc(getattr(outcome, name))
    for change, rule, severity in outcome.changes:
        ALERTS.labels(rule, change, severity).inc()
    DEAD.inc(outcome.dead_letters)
    DELIVERIES.inc(outcome.deliveries)
    STOPPED.set(len(outcome.stopped))
    for rule, seconds in outcome.rule_seconds.items():
        RULE.labels(rule).inc(seconds)
    for partition, sent_at in outcome.heartbeats.items():
        HEARTBEAT.labels("stored", str(partition)).set(sent_at.timestamp())
    now = datetime.now(UTC)
    for received_at in outcome.received:
        LATENCY.labels("evaluated").observe(max((now - received_at).total_seconds(), 0.0))
