"""One of Halo's own processes as the supervisor sees it: a Python module with its environment, log and probes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import services
from infra.embedded.child import Child

PROBE_TIMEOUT_S = 2.0
STOP_SECONDS = 15.0
ROOT = Path(services.__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What to run: `python -m module arguments...` with these variables, and where its probes and log are."""

    module: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str]
    metrics_port: int
    log_dir: Path


class ModuleProcess:
    """A running (or dead) module under a name."""

    def __init__(self, name: str, what: Module) -> None:
        self.name = name
        self.what = what
        self._child = Child(name, what.log_dir / f"{name}.log")

    @property
    def installed(self) -> bool:
        """False when this tree does not have the module."""
        package = self.what.module.rpartition(".")[0]
        return find_spec(package) is not None and find_spec(self.what.module) is not None

    @property
    def running(self) -> bool:
        """True while the process lives."""
        return self._child.running

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative is a signal's number."""
        return self._child.exit_code

    def launch(self) -> None:
        """Start it. `-P` and PYTHONPATH: our modules, not those of the present folder or of another package."""
        what = self.what
        what.log_dir.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        metrics = {"HALO_METRICS_PORT": str(what.metrics_port), "PYTHONPATH": path}
        command = [sys.executable, "-P", "-m", what.module, *what.arguments]
        self._child.start(command, cwd=Path.cwd(), env={**os.environ, **what.env, **metrics})

    def ask_to_stop(self) -> None:
        """SIGTERM: end in order, draining what is in hand."""
        self._child.ask_to_stop()

    def stop(self) -> None:
        """Wait for its end; killed after the deadline."""
        self._child.stop(seconds=STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return self._child.tail(lines)

    def not_ready(self) -> dict[str, str]:
        """What `/readyz` complains of, by name; empty when it is ready."""
        if not self.running:
            return {"process": f"not running (exit code {self.exit_code})"}
        return ask_ready(self.what.metrics_port)


def ask_ready(port: int) -> dict[str, str]:
    """The reasons that `/readyz` on this loopback port gives for not being ready; empty when it answers 200."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PROBE_TIMEOUT_S):
            return {}
    except HTTPError as answer:
        body = answer.read()
        try:
            return dict(json.loads(body)["reasons"])
        except (ValueError, KeyError, TypeError):
            return {"readyz": f"answers {answer.code}: {body[:200]!r}"}
    except (URLError, OSError) as error:
        return {"readyz": f"does not answer yet ({error})"}
