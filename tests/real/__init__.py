"""Real servers and the whole system, for tests."""
