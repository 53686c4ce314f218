"""`python -m tests.mutation.shown FILE MUTANT ...`, in a tree where mutmut ran: what each mutant changed, as JSON."""

from __future__ import annotations

import json
import sys

from mutmut.mutation.diff_apply import get_diff_for_mutant

if __name__ == "__main__":
    print(json.dumps({name: get_diff_for_mutant(name, path=sys.argv[1]) for name in sys.argv[2:]}))
