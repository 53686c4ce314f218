"""Where alerts are sent: the channels of `channels.toml`, named by `HALO_CHANNELS`.

    [[channel]]
    name = "on-call"
    kind = "webhook"             # or "smtp"
    address = "https://pager.example/halo"
    secret_file = "pager.secret" # webhook: the signing secret, `whsec_...`; smtp: optional `user:password`
    recipient = "haematology on call"
    test = true                  # only while training: gets the alerts of rules that are not approved
    role = "steward"             # the data steward's: questions about held results, and no patient's alerts

Secrets stand in files of their own, never in this one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to reach one recipient."""

    name: str
    kind: Literal["webhook", "smtp"]
    address: str
    """webhook: URL; smtp: `smtp://host:port` of the mail server."""
    recipient: str
    """webhook: a name; smtp: the mail address."""
    sender: str = "halo@localhost"
    secret_file: str = ""
    language: Literal["sl", "en"] = "sl"
    operations: bool = False
    """True: technical alerts come here as well."""
    test: bool = False
    """True: a test recipient, the only kind that hears of alerts while the rules are a draft (behaviour 5)."""
    role: Literal["", "steward"] = ""
    """`steward`: hears of held results and gets no patient's alerts. While such a channel is listed, a data steward
    counts as on duty (behaviour 2)."""

    @property
    def clinical(self) -> bool:
        """Gets the alerts of patients."""
        return self.role == ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: tuple[Channel, ...] = ()


class ChannelsInvalid(ValueError):
    """`channels.toml` cannot be used; the message names the entry and the mistake."""


def load_channels(path: Path | None) -> tuple[Channel, ...]:
    """The configured channels, none without a file. Raises ChannelsInvalid; secrets are read when used."""
    if path is None:
        return ()
    try:
        channels = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).channel
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ChannelsInvalid(f"{path}: {error}. See the head of services/shared/channels.py for the form.") from error
    names = [channel.name for channel in channels]
    if len(set(names)) != len(names):
        raise ChannelsInvalid(f"{path}: two channels share a name ({', '.join(sorted(names))})")
    return channels
