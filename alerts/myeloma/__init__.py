"""The clone over time: readings of each component, baseline and nadir, response, progression (relapse 1 to 6)."""
