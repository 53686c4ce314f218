"""The processor without rules, to see what they cost."""

from __future__ import annotations

import alerts.rules

alerts.rules.RULES = ()

from services.processor.app import main  # noqa: E402 - after the rules are gone

if __name__ == "__main__":
    main()
