"""Senders as an interface engine has them: several connections, each resending until it is answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from services.shared.mllp_client import MllpClient, acknowledgements


def send_all(messages: list[bytes], port: int, *, connections: int = 6, patience: float = 240.0) -> dict[str, int]:
    """Send everything over `connections` connections, in order but for the race between them; answers by code."""
    queue: SimpleQueue[bytes] = SimpleQueue()
    for message in messages:
        queue.put(message)

    def work() -> dict[str, int]:
        answers: dict[str, int] = {}
        with MllpClient(port=port, patience=patience, pause=0.1) as client:
            while True:
                try:
                    message = queue.get_nowait()
                except Empty:
                    return answers
                (answer,) = acknowledgements(client.deliver(message))
                answers[answer.code] = answers.get(answer.code, 0) + 1

    with ThreadPoolExecutor(connections) as pool:
        counts = [future.result() for future in [pool.submit(work) for _ in range(connections)]]
    return {code: sum(count.get(code, 0) for count in counts) for code in {code for count in counts for code in count}}
