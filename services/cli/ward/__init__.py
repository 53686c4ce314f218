"""A simulated ward: made-up patients with believable courses, sent as HL7 v2 over MLLP. No real person is in it."""
