"""What a channel is asked to hand over, and how it went."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from alerts.deciding import TO_THE_TOLD
from services.shared.channels import Channel


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, ready to go."""

    id: str
    """Of the delivery; the recipient's key against doubles (`webhook-id`, `Message-ID`)."""
    body: dict[str, Any]
    """The alert's full state, as in `alerts.v1`, with `reason` and `change`."""
    link: str
    created_at: datetime
    possibly_repeated: bool = False
    """An earlier attempt may have arrived."""

    @property
    def draft(self) -> bool:
        """True when rules made it that nobody approved: for test recipients only. Unless it says otherwise it is."""
        return str(self.body.get("rule_pack_status", "draft")) == "draft"

    @property
    def to_the_told(self) -> bool:
        """True when it takes back or corrects what this recipient was told before: that is kept from nobody."""
        return self.body.get("reason") in TO_THE_TOLD


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one attempt."""

    outcome: Literal["handed_over", "refused", "unreachable", "timed_out", "draft_pack"]
    """`draft_pack`: not sent and never to be, the rules are a draft and the channel is not for tests."""
    detail: str = ""
    """The recipient's own words, shortened; no patient data."""
    retry_after: float | None = None
    """Seconds the recipient asked us to wait."""

    @property
    def done(self) -> bool:
        """True when the recipient took it."""
        return self.outcome == "handed_over"

    @property
    def never(self) -> bool:
        """True when trying again is not wanted: the delivery is closed with this outcome as its receipt."""
        return self.outcome == "draft_pack"


class Sender(Protocol):
    """A channel: hands one message over. Raises nothing for what a recipient or a network can do."""

    async def send(self, message: Message, channel: Channel, secret: str) -> Handover:
        """Try once, within the time-out of the settings."""
        ...
