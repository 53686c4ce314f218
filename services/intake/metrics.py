"""Metrics of intake: a closed list. `feed` is a sender's name in the site file; `unlisted`; `default` without one."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECEIVED = Counter(
    "halo_hl7_messages_received_total",
    "Messages by type and outcome: accepted, ignored_type, refused, unavailable (not taken now)",
    ["type", "status"],
)
ANSWERED = Counter(
    "halo_mllp_messages_total",
    "Messages by feed and answer: AA, AE, AR (also as CA, CE, CR), silent (as asked); frames without answer as closed",
    ["feed", "answer"],
)
FRAMES = Counter("halo_mllp_frames_total", "Whole frames by what became of them: answered, silent, closed", ["outcome"])
BYTES = Counter("halo_mllp_bytes_total", "Bytes of messages by feed", ["feed"])
ACK_SECONDS = Histogram(
    "halo_mllp_ack_seconds",
    "From a message's last byte to its answer",
    ["feed"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 5, 10),
)
REJECTED = Counter("halo_ingest_rejected_total", "What was not accepted, by reason", ["reason"])
CONNECTIONS = Gauge("halo_mllp_connections", "Open MLLP connections by the feed of their latest message", ["feed"])
LAST_MESSAGE = Gauge("halo_hl7_last_message_timestamp_seconds", "When the last message was accepted", ["feed"])
WITHOUT_PATIENT = Counter("halo_hl7_groups_without_patient_total", "Patient groups without an id, sent to quarantine")
GARBAGE = Counter("halo_mllp_garbage_bytes_total", "Bytes between frames that belong to no message")
HALF_FRAMES = Counter("halo_mllp_half_frames_total", "Frames that began and never ended; their senders got no answer")
KAFKA_UP = Gauge("halo_intake_kafka_up", "1 while the broker answers")
PENDING_BYTES = Gauge("halo_intake_pending_bytes", "Bytes of records not yet confirmed by the broker")
JOINED = Counter(
    "halo_intake_records_joined_total", "Records that were on their way already when the same came again", ["type"]
)
SITE_FAULTY = Gauge(
    "halo_intake_site_file_faulty", "1 while the site file on disk cannot be used and the last good one is"
)
UNTOLD = Gauge("halo_intake_operations_untold", "Faults that operations could not be told yet, for want of a database")
CERTIFICATE_ENDS = Gauge(
    "halo_certificate_not_after_timestamp_seconds", "When the first certificate of the file ends", ["use"]
)

KNOWN_TYPES = frozenset({"ORU^R01", "ORU", "ORM^O01", "OML^O21", "OUL^R22", "OUL^R24", "ORU^R30", "ORU^R31", "ORU^R32"})


def type_label(message_type: str) -> str:
    """A closed set of labels, whatever senders write into MSH-9."""
    if message_type in KNOWN_TYPES:
        return message_type
    return "ADT" if message_type.startswith("ADT") else "other"
