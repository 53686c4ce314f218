"""Kafka's jars are those of the lock or none: no other file is started, and a full cache needs no network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.embedded import kafka_jars
from infra.embedded.child import ServerError
from infra.embedded.kafka_jars import Jar

CONTENT = b"a jar"
JAR = Jar(group="org.example", artifact="thing", version="1.0", sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path))
    monkeypatch.setattr(kafka_jars, "locked", lambda: (JAR,))
    return tmp_path / f"kafka-{kafka_jars.KAFKA_VERSION}"


def serve(monkeypatch: pytest.MonkeyPatch, *contents: bytes) -> list[bytes]:
    waiting = list(contents)

    def download(_jar: Jar, scratch: Path) -> Path:
        path = scratch / "download.jar"
        path.write_bytes(waiting.pop(0))
        return path

    monkeypatch.setattr(kafka_jars, "_download", download)
    return waiting


def test_the_lock_names_the_broker_and_no_host() -> None:
    jars = kafka_jars.locked()
    assert {jar.version for jar in jars if jar.artifact == "kafka_2.13"} == {kafka_jars.KAFKA_VERSION}
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert "//" not in kafka_jars.LOCK.read_text("utf-8")


def test_a_fetched_jar_is_kept_and_not_fetched_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = serve(monkeypatch, CONTENT)
    assert kafka_jars.resolve() == (cache / "thing-1.0.jar",)
    assert waiting == []
    assert kafka_jars.resolve() == (cache / "thing-1.0.jar",)


def test_another_file_is_refused_and_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, b"altered")
    with pytest.raises(ServerError, match="refused"):
        kafka_jars.resolve()
    assert list(cache.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    (cache / "thing-1.0.jar").write_bytes(CONTENT[:2])
    serve(monkeypatch, CONTENT)
    (path,) = kafka_jars.resolve()
    assert path.read_bytes() == CONTENT


def test_no_network_is_said_plainly(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_jar: Jar, _scratch: Path) -> Path:
        raise ConnectionError("no route")

    monkeypatch.setattr(kafka_jars, "_download", away)
    with pytest.raises(ServerError, match=r"org\.example:thing:1\.0 from Maven Central: no route"):
        kafka_jars.resolve()
    assert list(cache.iterdir()) == []
