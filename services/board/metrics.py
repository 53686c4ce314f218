"""What the board counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CLIENTS = Gauge("halo_dashboard_clients", "Screens and pages that follow the live stream.")
EVENT_AGE = Histogram(
    "halo_dashboard_event_age_seconds", "From the row of a live event to its being offered to the screens.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)  # fmt: skip
REQUEST = Histogram(
    "halo_board_request_seconds", "Time to answer, by route template; streams are not counted.", ["route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
LOGIN_FAILED = Counter("halo_board_login_failures_total", "Refused logins by reason.", ["reason"])
