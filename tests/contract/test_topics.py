"""A topic file says only what is known and names a schema that exists."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.shared.topics import ALERTS, DEAD_LETTERS, FOLDER, PATIENT_EVENTS, load

ROOT = FOLDER.parents[1]


def test_the_topics_are_those_of_the_contract() -> None:
    """Names and keeping as design 4.1 has them: never compacted, at least 400 days, 24 MiB a message."""
    topics = load()
    assert set(topics) == {PATIENT_EVENTS, DEAD_LETTERS, ALERTS}
    for topic in topics.values():
        assert topic.cleanup == "delete"
        assert topic.retention_days >= 400
        assert topic.max_message_bytes == 24 * 1024 * 1024
        assert topic.partitions == topics[PATIENT_EVENTS].partitions


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_topic_file_is_called_as_its_topic_and_names_a_schema(path: Path) -> None:
    topic = load()[path.stem]
    assert (ROOT / topic.schema).is_file()


@pytest.mark.parametrize("change", ["retention_day: 400", "compacted: true"])
def test_an_unknown_key_is_refused(tmp_path: Path, change: str) -> None:
    """A misspelt key would otherwise pass for a setting that is not made."""
    whole = (FOLDER / "alerts.v1.yaml").read_text("utf-8")
    (tmp_path / "alerts.v1.yaml").write_text(f"{whole}{change}\n")
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        load(tmp_path)


def test_compaction_is_refused(tmp_path: Path) -> None:
    """A gap in the offsets swallows the record after it."""
    whole = (FOLDER / "alerts.v1.yaml").read_text("utf-8")
    (tmp_path / "alerts.v1.yaml").write_text(whole.replace("cleanup: delete", "cleanup: compact"))
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value"):
        load(tmp_path)


def test_a_single_copy_is_on_the_disk_before_it_is_confirmed() -> None:
    """Power is cut on one broker: what it confirmed is there afterwards."""
    topic = load()[PATIENT_EVENTS]
    assert topic.config(1)["flush.messages"] == "1"
    assert "flush.messages" not in topic.config(3)
    assert topic.config(3)["min.insync.replicas"] == "2"
