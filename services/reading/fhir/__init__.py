"""FHIR R4 JSON to events: `taking_in.read`. Only what Halo uses is read; everything stays in `raw` as it was sent."""
