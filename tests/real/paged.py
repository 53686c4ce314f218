"""A whole Halo with one pager: a webhook of a test recipient, whose inbox the test reads."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from services.cli.inbox import Inbox
from tests.real.servers import free_ports, server_folder
from tests.real.system import System


@contextmanager
def paged_system(**env: str) -> Iterator[tuple[System, Inbox]]:
    """Started and ready; ended afterwards. `env` are further settings of all its processes."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    with server_folder() as folder, Inbox(free_ports(1)[0], 0, secret) as box:
        (folder / "secret").write_text(secret)
        (folder / "channels.toml").write_text(
            '[[channel]]\nname = "pager"\nkind = "webhook"\nrecipient = "on call"\ntest = true\n'
            f'address = "http://127.0.0.1:{box.web_port}/hook"\nsecret_file = "{folder / "secret"}"\n'
        )
        system = System(folder, env={"HALO_CHANNELS": str(folder / "channels.toml")} | env)
        try:
            yield system.start(), box
        finally:
            system.end()
