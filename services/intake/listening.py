"""Where intake may listen: beyond loopback only when it can tell who is speaking (agreed behaviour 1)."""

from __future__ import annotations

from ipaddress import ip_address

from services.intake.settings import IntakeSettings
from services.mapping.site import Site


def objection(settings: IntakeSettings, site: Site) -> str:
    """Why this cannot be served, and what to do; "" when it can."""
    by_certificate = [sender.name for sender in site.senders if sender.certificate]
    if by_certificate and settings.mllp_tls_clients == "none":
        named = ", ".join(by_certificate)
        return f"{named}: known by certificate, but none is asked for; set HALO_MLLP_TLS_CLIENTS and ..._CLIENT_CA"
    if is_loopback(settings.bind):
        return ""
    if not site.senders:
        return f"listening on {settings.bind} needs a site file (HALO_SITE) with a [[sender]] entry for each sender"
    return "" if settings.mllp_tls_certificate else _without_tls(settings, site)


def _without_tls(settings: IntakeSettings, site: Site) -> str:
    if not (settings.mllp_insecure or _said_so(site)):
        return (
            f"listening on {settings.bind} without TLS: name HALO_MLLP_TLS_CERTIFICATE and HALO_MLLP_TLS_KEY, or "
            "accept the risk with insecure = true under [listen] in the site file (HALO_MLLP_INSECURE=true)"
        )
    open_to_all = [sender.name for sender in site.senders if not sender.addresses]
    if open_to_all:
        named = ", ".join(open_to_all)
        return f"{named}: without TLS every [[sender]] must name its addresses, or anybody could speak in its name"
    return ""


def _said_so(site: Site) -> bool:
    listen = site.others.get("listen")
    return isinstance(listen, dict) and listen.get("insecure") is True


def is_loopback(bind: str) -> bool:
    """Only this machine reaches it."""
    if bind == "localhost":
        return True
    try:
        return ip_address(bind).is_loopback
    except ValueError:  # another name: it may resolve to anything
        return False
