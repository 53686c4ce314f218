"""Kafka for everything that is not the stream processor: waiting for a broker, topics, producers' settings."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from services.shared.topics import Topic, load

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
REPLICAS_WANTED = 3
REQUEST_TIMEOUT_MS = 10_000
BOOTSTRAP_TIMEOUT_MS = 4_000
CONNECT_TIMEOUT_S = 3.0

PRODUCER_DEFAULTS: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "max_request_size": MAX_MESSAGE_BYTES,
}
"""For kafka-python and aiokafka producers alike."""


class KafkaUnreachable(RuntimeError):
    """No broker answered in the time given; the message names the address and what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFault:
    """How a topic differs from its file."""

    topic: str
    problem: str
    fatal: bool
    """True when records could be lost or refused; False for what an operator may want otherwise."""


@contextmanager
def admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """An admin client, closed afterwards. KafkaUnreachable when no broker answers."""
    _knock(bootstrap)
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        )
    except (KafkaError, OSError) as error:
        raise KafkaUnreachable(f"no Kafka broker answers at {bootstrap}: {error}; is it running?") from error
    try:
        yield client
    finally:
        client.close()


def _knock(bootstrap: str) -> None:
    """A plain connection first: the client tries a closed port for seconds and then leaves its sockets open."""
    problems = []
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()
        except (OSError, ValueError) as error:
            problems.append(f"{address}: {error}")
        else:
            return
    raise KafkaUnreachable(f"no Kafka broker answers at {'; '.join(problems)}. Is it running?")


def wait_for_broker(bootstrap: str, *, seconds: float = 60.0) -> str:
    """Wait until a broker answers and say the cluster's id. KafkaUnreachable after `seconds`."""
    deadline = monotonic() + seconds
    while True:
        try:
            return cluster_id(bootstrap)
        except (KafkaUnreachable, KafkaError) as error:
            if monotonic() > deadline:
                raise KafkaUnreachable(f"no Kafka broker at {bootstrap} within {seconds:.0f} s: {error}") from error
            sleep(0.2)


def cluster_id(bootstrap: str) -> str:
    """The cluster's id; another one than before means that Kafka was replaced."""
    with admin(bootstrap) as client:
        return str(client.describe_cluster()["cluster_id"])


def topic_id(bootstrap: str, topic: str) -> uuid.UUID:
    """The topic's id; another one than before means that the topic was made anew. LookupError when there is none."""
    with admin(bootstrap) as client:
        found = describe(client, [topic])
    if topic not in found:
        raise LookupError(f"topic {topic} does not exist at {bootstrap}; create it with `halo topics`")
    return uuid.UUID(str(found[topic]["topic_id"]))


def describe(client: KafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Metadata of those of the named topics that exist."""
    try:
        described = client.describe_topics(list(names))
    except UnknownTopicOrPartitionError:
        return {}
    return {topic["name"]: topic for topic in described if topic["error_code"] == 0}


def create_topics(bootstrap: str, *, partitions: int | None = None) -> list[str]:
    """Create what is missing, as the topic files say, and wait until it can be used; names of the created.

    As many copies as there are brokers, three at most. `partitions` overrides the files (it cannot be raised later
    without moving patients to other partitions).
    """
    with admin(bootstrap) as client:
        replicas = min(REPLICAS_WANTED, len(client.describe_cluster()["brokers"]))
        wanted = load()
        missing = [topic for name, topic in wanted.items() if name not in describe(client, wanted)]
        for topic in missing:
            _create(client, topic, replicas, partitions or topic.partitions)
        client.wait_for_topics(list(wanted), timeout_ms=30_000)
    return [topic.name for topic in missing]


def _create(client: KafkaAdminClient, topic: Topic, replicas: int, partitions: int) -> None:
    settings = {
        "num_partitions": partitions,
        "replication_factor": replicas,
        "configs": topic.config(replicas),
    }
    try:
        client.create_topics({topic.name: settings})
    except TopicAlreadyExistsError:
        return  # another process was faster, with the same file


def check_topics(bootstrap: str, *, partitions: int | None = None) -> list[TopicFault]:
    """Differences between the cluster's topics and their files; empty when all is as it should be."""
    wanted = load()
    with admin(bootstrap) as client:
        found = describe(client, wanted)
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        configs = client.describe_configs(resources, config_filter="all").get("topic", {}) if resources else {}
    faults: list[TopicFault] = []
    for name, topic in wanted.items():
        if name not in found:
            faults.append(TopicFault(topic=name, problem="does not exist", fatal=True))
        else:
            faults += _differences(topic, found[name], configs.get(name, {}), partitions or topic.partitions)
    return faults


def _differences(
    topic: Topic, found: dict[str, Any], config: dict[str, dict[str, Any]], partitions: int
) -> list[TopicFault]:
    faults: list[TopicFault] = []
    count = len(found["partitions"])
    if count != partitions:
        problem = f"has {count} partitions, expected {partitions}"
        faults.append(TopicFault(topic=topic.name, problem=problem, fatal=False))
    replicas = min((len(partition["replica_nodes"]) for partition in found["partitions"]), default=0)
    for name, value in topic.config(replicas).items():
        present = config.get(name, {}).get("value")
        if present != value:
            problem = f"{name} is {present}, expected {value}"
            fatal = name in {"cleanup.policy", "max.message.bytes"}
            faults.append(TopicFault(topic=topic.name, problem=problem, fatal=fatal))
    return faults


def replicas_of(bootstrap: str, topic: str) -> int:
    """The least number of copies of any partition of a topic; 0 when it does not exist."""
    with admin(bootstrap) as client:
        found = describe(client, [topic])
    if topic not in found:
        return 0
    return min(len(partition["replica_nodes"]) for partition in found[topic]["partitions"])
