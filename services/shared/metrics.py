"""Metrics that every process has. What a process counts itself stands in its own `metrics.py`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import Gauge, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter that nobody reads

BUILD_INFO = Gauge("halo_build_info", "Always 1; says which version of which process runs.", ["version", "process"])
UP_SINCE = Gauge("halo_start_time_seconds", "When this process started, in seconds since 1970.")


def halo_version() -> str:
    """The installed version, `unknown` in a tree that was not installed."""
    try:
        return version("halo-myeloma")
    except PackageNotFoundError:
        return "unknown"


def announce(process: str) -> None:
    """Set the build and start metrics, once at a process's start."""
    BUILD_INFO.labels(halo_version(), process).set(1)
    UP_SINCE.set_to_current_time()
