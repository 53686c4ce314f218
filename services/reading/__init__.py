"""Bytes to `patient-events.v1`, purely: no I/O, no clock, no meaning (see `services.mapping` for that)."""
