"""Sends HL7 v2 messages over MLLP, one after another; for `halo send`, the demo and tests."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Self

from services.reading.fields import Dialect

START = b"\x0b"
END = b"\x1c\r"
PIECE = 65_536
ANSWER_LIMIT = 1024 * 1024


class NoAnswer(ConnectionError):
    """The receiver closed the connection, or was silent for too long: the message counts as not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """One MSA of an answer."""

    code: str
    """MSA-1: AA, AE, AR, or CA, CE, CR in enhanced mode."""
    control_id: str
    text: str
    """MSA-3, else the text of ERR."""

    @property
    def accepted(self) -> bool:
        """The receiver has taken the message into its care."""
        return self.code in {"AA", "CA"}


@dataclass(slots=True, kw_only=True)
class MllpClient:
    """A connection that is made when it is needed. Not for several threads at once."""

    host: str = "127.0.0.1"
    port: int = 2575
    timeout: float = 10.0
    """Seconds for connecting, and for each answer."""
    patience: float = 60.0
    """`deliver` tries again for so many seconds."""
    pause: float = 0.5
    tls: ssl.SSLContext | None = None
    """Speak TLS; the receiver's certificate must be valid for `host`."""
    on_retry: Callable[[str], None] = lambda _reason: None
    _socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave; the next message connects anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, message: bytes) -> bytes:
        """Once: the whole answer without its frame. NoAnswer or OSError when there is none, and the connection ends."""
        try:
            connection = self._connection()
            connection.sendall(START + message + END)
            return self._answer(connection)
        except OSError:
            self.close()
            raise

    def deliver(self, message: bytes) -> bytes:
        """Until there is an answer, sending again after a lost connection; the last error after `patience` seconds."""
        give_up = monotonic() + self.patience
        while True:
            try:
                return self.send(message)
            except OSError as error:
                if monotonic() + self.pause > give_up:
                    raise
                self.on_retry(str(error) or type(error).__name__)
                sleep(self.pause)

    def _connection(self) -> socket.socket:
        if self._socket is None:
            self._socket = self._connected()
        return self._socket

    def _connected(self) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return plain
        try:
            return self.tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise

    def _answer(self, connection: socket.socket) -> bytes:
        received = bytearray()
        while END not in received:
            if not (piece := connection.recv(PIECE)):
                raise NoAnswer("the receiver closed the connection without an answer")
            received += piece
            if len(received) > ANSWER_LIMIT:
                raise NoAnswer("what came back is no MLLP answer")
        return bytes(received.partition(START)[2].partition(END)[0])


def acknowledgements(answer: bytes) -> list[Acknowledgement]:
    """Every MSA of an answer (one for each message of a batch), with the text of the ERR behind it.

    Texts have their escapes undone; the control id stays as it was sent.
    """
    dialect = _dialect(answer)
    separator = answer[3:4].decode("latin-1") or "|"
    found: list[Acknowledgement] = []
    for segment in answer.decode("utf-8", "replace").replace("\n", "\r").split("\r"):
        fields = [*segment.split(separator), *[""] * 9]
        if fields[0] == "MSA":
            found.append(Acknowledgement(code=fields[1], control_id=fields[2], text=dialect.text(fields[3].encode())))
        elif fields[0] == "ERR" and found and not found[-1].text:
            last, text = found.pop(), dialect.text((fields[8] or fields[1]).encode())
            found.append(Acknowledgement(code=last.code, control_id=last.control_id, text=text))
    return found


def _dialect(answer: bytes) -> Dialect:
    """As the answer's own MSH says it; without escapes where there is none."""
    field = answer[3:4] or b"|"
    marks = [bytes([mark]) for mark in answer[4:].partition(field)[0][:4]] if answer.startswith(b"MSH") else []
    component, repeat, escape, subcomponent = (*marks, b"", b"", b"", b"")[:4]
    return Dialect(field=field, component=component, repeat=repeat, escape=escape, subcomponent=subcomponent)
