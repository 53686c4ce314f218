"""How Halo runs: one folder a process, and the rooms they share."""
