"""A server process of ours: started through the launcher, logged to a file, stopped or killed, never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psutil

LAUNCHER = Path(__file__).with_name("launcher.py")
LOG_KEPT_BYTES = 16 * 1024 * 1024
"""A log larger than this is moved aside (one old copy is kept) at the next start."""


class ServerError(RuntimeError):
    """An embedded server could not be started or stopped; the message says which, where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """The account a server runs under; -1 means the present one."""

    uid: int = -1
    gid: int = -1
    name: str = ""


ME = User()


@dataclass(slots=True)
class Child:
    """One running program; `stop` asks with `stop_signal`, then kills after the time given."""

    name: str
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when this process dies."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, user: User = ME
    ) -> None:
        """Start the program; its output goes to the log."""
        rotate(self.log)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                launched(command, death_signal=self.death_signal, user=user),
                cwd=cwd,
                env=dict(env) if env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in a terminal reaches only the supervisor, which stops in order
            )

    @property
    def pid(self) -> int | None:
        """Process id while it runs, else None."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """True while the process has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative is the signal's number; None while it runs or was never started."""
        return self._process.poll() if self._process is not None else None

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until `ready()`; ServerError with the log's tail when it ends before or takes longer."""
        deadline = monotonic() + seconds
        while not ready():
            if not self.running:
                raise ServerError(f"{self.name} ended with code {self.exit_code} while starting.\n{self.tail()}")
            if monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready after {seconds:.0f} s.\n{self.tail()}")
            sleep(0.05)

    def stop(self, *, seconds: float = 20.0) -> None:
        """Ask it to end; kill it when it has not after `seconds`. Harmless when it does not run."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def ask_to_stop(self) -> None:
        """Send the stop signal without waiting; harmless when it does not run."""
        if self._process is not None and self.running:
            self._process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 25) -> str:
        """The end of the log, to show with an error."""
        if not self.log.exists():
            return f"(no log at {self.log})"
        text = self.log.read_bytes()[-16384:].decode("utf-8", "replace")
        return f"The end of {self.log}:\n" + "\n".join("  | " + line for line in text.splitlines()[-lines:])


def launched(command: Sequence[str], *, death_signal: signal.Signals, user: User = ME) -> list[str]:
    """`command` run through the launcher: it dies with this process and runs as `user`."""
    words = (os.getpid(), int(death_signal), user.uid, user.gid)
    return [sys.executable, "-IS", str(LAUNCHER), *(str(word) for word in words), *command]


def rotate(log: Path) -> None:
    """Move a large log aside so that a machine's disk does not fill."""
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))


def end_orphans(cwd: Path, program: str) -> None:
    """End processes called `program` that still work in `cwd` after their starter was killed.

    Only for a folder whose lock this process holds: nobody else can be using it.
    """
    found = [process for process in psutil.process_iter(["name"]) if _is_orphan(process, cwd, program)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT if program == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(found, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _is_orphan(process: psutil.Process, cwd: Path, program: str) -> bool:
    try:
        return process.name() == program and Path(process.cwd()).resolve() == cwd.resolve()
    except (psutil.Error, OSError):  # gone, or another user's, who cannot be working in a private folder of ours
        return False
