"""From the last byte in at MLLP to the webhook out: `python -m tests.bench.bench_latency [--messages N]`.

The whole installation runs (`halo up`), idle but for one message at a time; each message is a new made-up patient with a
calcium that alerts. The clock is the sender's: from the send to the arrival at the receiver.
"""

from __future__ import annotations

import argparse
import base64
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from services.cli.inbox import Inbox
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.servers import free_ports, server_folder
from tests.real.system import System

PAUSE = 0.1
GIVE_UP = 10.0


@contextmanager
def running() -> Iterator[tuple[System, Inbox]]:
    """A system whose one channel is the inbox."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    with server_folder() as folder, Inbox(free_ports(1)[0], 0, secret) as inbox:
        (folder / "secret").write_text(secret)
        channels = folder / "channels.toml"
        channels.write_text(
            '[[channel]]\nname = "pager"\nkind = "webhook"\nrecipient = "on call"\ntest = true\n'
            f'address = "http://127.0.0.1:{inbox.web_port}/hook"\nsecret_file = "{folder / "secret"}"\n'
        )
        system = System(folder, env={"HALO_CHANNELS": str(channels)})
        try:
            yield system.start(), inbox
        finally:
            system.end()


def message(number: int) -> bytes:
    """One calcium of a made-up patient, clearly high."""
    taken = datetime.now(UTC) - timedelta(minutes=5)
    return (
        f"MSH|^~\\&|LIS|BENCH|HALO|HOSP|{taken:%Y%m%d%H%M%S}+0000||ORU^R01|L{number}|P|2.5.1\r"
        f"PID|1||LAT{number}^^^MADEUP^MR\r"
        f"OBR|1||L{number}|CA|||{taken:%Y%m%d%H%M%S}+0000\r"
        "OBX|1|NM|29265-6^Calcium adjusted^LN||3.62|mmol/L|||||F\r"
    ).encode()


def measure(count: int) -> tuple[list[float], list[float]]:
    """Seconds to the acknowledgement and to the webhook, one message after the other."""
    acknowledged, notified = [], []
    with running() as (system, inbox), MllpClient(port=int(system.addresses["mllp"].rpartition(":")[2])) as client:
        for number in range(count + 5):
            before, begun = len(inbox.received()), time.perf_counter()
            (answer,) = acknowledgements(client.send(message(number)))
            assert answer.accepted, answer
            taken = time.perf_counter() - begun
            while len(inbox.received()) == before:
                assert time.perf_counter() - begun < GIVE_UP, "no page"
                time.sleep(0.0005)
            if number >= 5:  # the first ones warm caches and connections
                acknowledged.append(taken)
                notified.append(time.perf_counter() - begun)
            time.sleep(PAUSE)
    return acknowledged, notified


def main() -> None:
    """Print p50 and p99 of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200)
    acknowledged, notified = measure(parser.parse_args().messages)
    for name, seconds in (("MLLP in -> AA", acknowledged), ("MLLP in -> webhook out", notified)):
        cuts = quantiles(seconds, n=100)
        print(f"{name:24} p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms")


if __name__ == "__main__":
    main()
