"""Kafka's jars: the files named in `kafka.lock`, fetched once from Maven Central by jgo, each checked by its sha256.

`python -m infra.embedded.kafka_jars` fetches what is missing; with `--relock` it resolves the dependencies of
`BROKER` anew and rewrites the lock (for whoever raises Kafka's version).
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext
from platformdirs import user_cache_path

from infra.embedded.child import ServerError

KAFKA_VERSION = "4.1.1"
BROKER = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
"""Kafka's POM leaves it out, and without it the broker is mute. Alone: its parents would change Kafka's versions."""
LOCK = Path(__file__).with_name("kafka.lock")
FETCHERS = 8
TIMEOUT_SECONDS = 60
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Jar:
    """A Maven coordinate and the sha256 its file must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def cache_dir() -> Path:
    """`HALO_CACHE`, else the user's cache folder; holds only what can be fetched again."""
    chosen = os.environ.get("HALO_CACHE")
    return Path(chosen) if chosen else user_cache_path("halo")


def locked(path: Path = LOCK) -> tuple[Jar, ...]:
    """The jars of the lock file, in its order."""
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return tuple(_jar(coordinate, checksum) for coordinate, checksum in lines)


def _jar(coordinate: str, checksum: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group=group, artifact=artifact, version=version, sha256=checksum.removeprefix("sha256:"))


def resolve(say: Callable[[str], None] = lambda _text: None) -> tuple[Path, ...]:
    """Paths of all locked jars, fetched where the cache lacks them; touches no network when it lacks none.

    ServerError when a file cannot be fetched or is not the locked one.
    """
    folder = cache_dir() / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    jars = locked()
    missing = [jar for jar in jars if not _is_there(jar, folder)]
    if missing:
        say(f"fetching {len(missing)} of Kafka's {len(jars)} jars from Maven Central (once; kept in {folder})")
        with ThreadPoolExecutor(FETCHERS) as pool:
            list(pool.map(lambda jar: _fetch(jar, folder), missing))
    return tuple(folder / jar.filename for jar in jars)


def _is_there(jar: Jar, folder: Path) -> bool:
    path = folder / jar.filename
    return path.exists() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(jar: Jar, folder: Path) -> None:
    """Into a folder of its own first: a fetch cut short leaves nothing that looks whole."""
    problem: Exception | None = None
    for _attempt in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            try:
                path = _download(jar, Path(scratch))
            except (OSError, RuntimeError) as error:  # requests' errors are OSErrors, jgo's are RuntimeErrors
                problem = error
                continue
            _check(jar, path)
            path.replace(folder / jar.filename)
            return
    raise ServerError(
        f"cannot fetch {jar.group}:{jar.artifact}:{jar.version} from Maven Central: {problem}. "
        "Is the network there? A folder filled on another machine can be named by HALO_CACHE."
    ) from problem


def _download(jar: Jar, scratch: Path) -> Path:
    context = MavenContext(repo_cache=scratch, timeout=TIMEOUT_SECONDS)
    path: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    return path


def _check(jar: Jar, path: Path) -> None:
    found = _sha256(path)
    if found != jar.sha256:
        raise ServerError(
            f"{jar.group}:{jar.artifact}:{jar.version} has sha256 {found}, kafka.lock says {jar.sha256}: "
            "refused. Either the download was altered or the lock is wrong; do not start with it."
        )


def relock(path: Path = LOCK) -> None:
    """Resolve `BROKER` with all it needs and write the lock."""
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=TIMEOUT_SECONDS)
        inputs, others = context.resolver.resolve([context.create_dependency(BROKER)])
        binding = context.create_dependency(LOG_BINDING)
        lines = sorted({_lock_line(dependency) for dependency in (*inputs, *others, binding)})
    path.write_text("\n".join(("# Kafka's jars: coordinate and sha256 of each file on the class path.", *lines, "")))


def _lock_line(dependency: object) -> str:
    artifact = dependency.artifact  # type: ignore[attr-defined] # jgo ships no types
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return f"{coordinate} sha256:{_sha256(artifact.resolve())}"


def main(arguments: Iterable[str]) -> None:
    """Fetch, or rewrite the lock with `--relock`."""
    if "--relock" in arguments:
        relock()
    sys.stdout.write(f"{len(resolve(lambda text: print(text, flush=True)))} jars ready\n")  # noqa: T201 - a command


if __name__ == "__main__":
    main(sys.argv[1:])
