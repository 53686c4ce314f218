"""Metrics of the notifier: a closed list."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)

NOTIFICATIONS = Counter("halo_notifications_total", "Attempts to deliver, by outcome", ["channel", "result"])
DELIVERY_SECONDS = Histogram(
    "halo_notification_delivery_seconds", "From the decision to the hand-over", ["channel"], buckets=SECONDS
)
NOTIFIED_SECONDS = Histogram(
    "halo_result_end_to_end_seconds", "From reception to each stage.", ["stage"], buckets=SECONDS
)
WAITING = Gauge("halo_deliveries_waiting", "Deliveries not yet handed over")
OLDEST_WAITING = Gauge(
    "halo_delivery_oldest_timestamp_seconds", "When the oldest waiting delivery was decided; 0: none"
)
OUTBOX_OLDEST = Gauge("halo_outbox_oldest_timestamp_seconds", "When the oldest unpublished row was written; 0: none")
OUTBOX_PUBLISHED = Counter("halo_outbox_published_total", "Outbox rows confirmed by the broker", ["topic"])
KAFKA_UP = Gauge("halo_kafka_up", "1 while the relay reaches the broker")
