"""One owner per data folder: an advisory lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from infra.embedded.child import ServerError


class FolderLock:
    """Holds `path` exclusively from `acquire` to `release`, or until this process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; ServerError naming the holder when another process has it. Taking it twice is harmless."""
        if self._file is not None:
            return
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise ServerError(
                f"{self._path.parent} is in use by process {holder}; stop that one or choose another folder"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
