"""Silence: which tests are late, and when that changes with no message coming (alert behaviour 3)."""
