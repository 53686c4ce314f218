"""Signed webhook after Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

import httpx
import msgspec
from standardwebhooks import Webhook

from services.notifier.channels.message import Handover, Message
from services.notifier.channels.text import WORDS
from services.shared.channels import Channel
from services.shared.clock import Clock

_TOO_MANY = (429, 503)


class WebhookSender:
    """POSTs the alert as JSON; any 2xx is a hand-over."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def send(self, message: Message, channel: Channel, secret: str) -> Handover:
        """Try once."""
        payload = msgspec.json.encode(_payload(message)).decode()
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message.id, now, payload),
        }
        try:
            response = await self._client.post(channel.address, content=payload, headers=headers)
        except httpx.TimeoutException as error:
            return Handover(outcome="timed_out", detail=type(error).__name__)
        except httpx.HTTPError as error:
            return Handover(outcome="unreachable", detail=f"{type(error).__name__}: {error}")
        return _outcome(response)


def _payload(message: Message) -> dict[str, object]:
    """The alert without the hospital's number: `patient_ref` is random, and the link leads on after login.

    A draft's texts begin with the notice, for receivers that show nothing else.
    """
    state = {name: value for name, value in message.body.items() if name != "patient"}
    if message.draft:
        notice = {str(language): words["draft"] for language, words in WORDS.items()}
        said = state.get("summary") or {}
        state |= {"notice": notice, "summary": {key: f"{notice[key]}: {text}" for key, text in said.items()}}
    return {
        "type": f"alert.{message.body.get('change', 'changed')}",
        "timestamp": message.created_at.isoformat(),
        "data": {**state, "link": message.link, "possibly_repeated": message.possibly_repeated},
    }


def _outcome(response: httpx.Response) -> Handover:
    if response.is_success:
        return Handover(outcome="handed_over", detail=str(response.status_code))
    wait = response.headers.get("retry-after", "") if response.status_code in _TOO_MANY else ""
    detail = f"{response.status_code} {response.reason_phrase}"
    return Handover(outcome="refused", detail=detail, retry_after=float(wait) if wait.isdecimal() else None)
