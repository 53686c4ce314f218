"""When somebody must be called. Pure: no network, no database, no clock of its own."""
