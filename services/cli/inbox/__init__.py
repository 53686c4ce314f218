"""The demo's inbox: a mail server and a webhook receiver that keep what they get and show it on a page."""

from services.cli.inbox.receiver import Inbox, Received

__all__ = ["Inbox", "Received"]
