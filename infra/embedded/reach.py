"""Whom PostgreSQL runs as, and how that user gets at its folders without anybody else's folder being opened up.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, who must be able to walk to the program and to
the data folder. Where a folder on the way is private (a checkout in root's home, a 0700 temporary folder), its mode is
left as it is: the program is copied to `/var/cache/halo`, the data go to a folder of their own below `/var/lib/halo`,
and a small file in the data folder says where.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from infra.embedded.child import ME, ServerError, User, launched

UNPRIVILEGED = "nobody"
SYSTEM_CACHE = Path("/var/cache/halo")
SYSTEM_DATA = Path("/var/lib/halo")
POINTER = "postgres.location"


def server_user() -> User:
    """The present user; `nobody` when that is root."""
    if os.geteuid() != 0:
        return ME
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise ServerError(
            f"PostgreSQL does not run as root and there is no user {UNPRIVILEGED!r}: run Halo as an ordinary user"
        ) from None
    return User(uid=entry.pw_uid, gid=entry.pw_gid, name=UNPRIVILEGED)


def can_enter(folder: Path, user: User) -> bool:
    """True when `user` can walk to `folder` and into it (asked of the system, not computed from modes)."""
    test = shutil.which("test") or "/usr/bin/test"
    command = launched([test, "-x", str(folder)], death_signal=9, user=user)  # type: ignore[arg-type] # a plain number does
    return subprocess.run(command, check=False, capture_output=True, cwd="/").returncode == 0  # noqa: S603 - `test`


def programs_for(user: User, installed: Path, version: str) -> Path:
    """The folder of PostgreSQL's programs that `user` can reach: where it is installed, else a copy.

    The copy keeps the wheel's layout: the programs find their libraries by the relative path `PACKAGE.libs` beside the
    package.
    """
    if user is ME or can_enter(installed / "bin", user):
        return installed
    package = installed.parent
    copy = SYSTEM_CACHE / f"{package.name}-{version}"
    if not copy.exists():
        SYSTEM_CACHE.mkdir(parents=True, exist_ok=True, mode=0o755)
        scratch = SYSTEM_CACHE / f".{copy.name}.{os.getpid()}"
        shutil.copytree(installed, scratch / package.name / installed.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        _put(scratch, copy)
    return copy / package.name / installed.name


def _put(scratch: Path, copy: Path) -> None:
    """Whole or not at all; when another process was faster, its copy is as good."""
    try:
        scratch.rename(copy)
    except OSError:
        shutil.rmtree(scratch)
        if not copy.exists():
            raise


def data_for(user: User, folder: Path) -> Path:
    """A private folder of `user` for the database: `folder`/postgres, or where the pointer file says."""
    wanted = folder / "postgres"
    pointer = folder / POINTER
    if pointer.exists():
        return Path(pointer.read_text("utf-8").strip())
    if user is ME or can_enter(folder, user):
        return private(wanted, user)
    place = private(_system_data() / secrets.token_hex(8), user)
    pointer.write_text(f"{place}\n", "utf-8")
    sys.stderr.write(f"{folder} is private to root: PostgreSQL's data are kept in {place}\n")
    return place


def _system_data() -> Path:
    SYSTEM_DATA.mkdir(parents=True, exist_ok=True, mode=0o755)
    return SYSTEM_DATA


def private(folder: Path, user: User) -> Path:
    """Make `folder` if need be; mode 0700, owned by `user`."""
    folder.mkdir(exist_ok=True, mode=0o700)
    if user is not ME:
        os.chown(folder, user.uid, user.gid)
    folder.chmod(0o700)
    return folder
