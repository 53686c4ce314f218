"""Which installation a command talks to: what the environment names, else a running `halo up` or `halo demo`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from services.shared.settings import Settings

ADDRESSES = "addresses.json"
"""Written by a running installation into its data folder, readable by its owner only."""


def settings_of(data_dir: Path | None = None) -> Settings:
    """The environment's settings; servers it does not name are those of the installation that runs on the data folder.

    Without a folder given, that of HALO_DATA_DIR (`.halo`) or its demo.
    """
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    folder, addresses = _running(settings)
    if folder is None:
        return settings
    found = {name: addresses[name] for name in ("kafka", "database") if f"HALO_{name.upper()}" not in os.environ}
    return settings.model_copy(update=found | {"data_dir": folder})


def address_of(name: str) -> str:
    """An address of the installation that runs here (`mllp`, `board`); empty when none runs."""
    return _running(Settings())[1].get(name, "")


def _running(settings: Settings) -> tuple[Path | None, dict[str, str]]:
    for folder in _places(settings.data_dir):
        file = folder / ADDRESSES
        if file.exists():
            return folder, json.loads(file.read_text("utf-8"))
    return None, {}


def _places(data_dir: Path) -> Iterator[Path]:
    yield data_dir
    yield data_dir / "demo"


DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), envvar="HALO_DATA_DIR",
    help="Folder of a running `halo up`; also HALO_DATA_DIR.",
)  # fmt: skip
