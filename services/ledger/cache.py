"""Patients that were worked on last, so that a result does not cost a whole history. Bounded by a count."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from services.ledger.stored import Stored


class Cache:
    """Least recently used roots fall out. An entry counts only while its version equals the locked row's."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[int, Stored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, root: int, version: int, members: tuple[int, ...]) -> Stored | None:
        """The entry if it is of exactly this version and these records."""
        found = self._entries.get(root)
        if found is None or found.version != version or found.members != members:
            return None
        self._entries.move_to_end(root)
        return found

    def put(self, entries: Iterable[Stored]) -> None:
        """Only after COMMIT returned."""
        for entry in entries:
            self._entries[entry.root] = entry
            self._entries.move_to_end(entry.root)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, roots: Iterable[int]) -> None:
        """Forget these, for example after an unknown outcome."""
        for root in roots:
            self._entries.pop(root, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
