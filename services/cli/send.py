"""`halo send`: HL7 v2 files over MLLP or FHIR files over HTTP, and what the receiver answered."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep

import click
from rich.progress import track

from services.cli.running import address_of
from services.cli.saying import Sayer
from services.cli.send_fhir import send_files
from services.reading.batches import split
from services.shared.mllp_client import Acknowledgement, MllpClient, acknowledgements
from services.shared.ports import MLLP_DEFAULT

MANY = 20
"""From so many messages on a terminal shows progress instead of one line each; what was not taken is always said."""


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("send")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--host", envvar="HALO_BIND", help="Where intake listens; that of the running installation if left out.")
@click.option("--port", type=int, envvar="HALO_MLLP_PORT", help="Its port; likewise.")
@click.option("--rate", type=float, help="At most so many messages a second; as fast as answered without it.")
@click.option("--patience", default=60.0, show_default=True, help="Seconds of trying again after a lost connection.")
@click.option("--tls", is_flag=True, help="Speak TLS.")
@click.option("--ca", type=FILE, help="Who issued the receiver's certificate (PEM); the system's list if left out.")
@click.option("--cert", type=FILE, help="Certificate to show (PEM), with its key or beside --key.")
@click.option("--key", type=FILE, help="Its key (PEM).")
@click.option("--fhir", "url", help="Send FHIR files to this address instead (http://HOST:PORT/fhir).")
@click.option("--token-file", type=FILE, help="With --fhir: the sender's token (halo token create --kind fhir).")
@click.pass_context
def command(  # noqa: PLR0913 - one an option
    context: click.Context,
    /,
    *,
    files: Sequence[Path],
    host: str | None,
    port: int | None,
    rate: float | None,
    patience: float,
    tls: bool,
    url: str | None,
    token_file: Path | None,
    **certificates: Path | None,
) -> None:
    """Send HL7 v2 FILES over MLLP, one message after another, and print each acknowledgement.

    A file may hold any number of messages, with or without batch envelopes or MLLP framing. A lost connection is made
    again and the unanswered message sent again. Ends with 1 if any message was not accepted (AA or CA).
    With --fhir URL: FHIR resources and Bundles (JSON, one a file or one a line) by HTTP POST.
    """
    sayer = Sayer()
    if url is not None:
        ca = certificates.get("ca")
        taken = send_files(url, token_file, files, sayer, rate=rate, patience=patience, ca=ca)
        context.exit(0 if taken else 1)
    messages = [(path, message) for path in files for message in split(path.read_bytes())]
    if not messages:
        raise click.ClickException("no HL7 v2 message in these files; a message starts with MSH on a line of its own")
    host, port = _place(host, port)
    spoken = _tls(**certificates) if tls or any(certificates.values()) else None
    say = _said_once(sayer, patience)
    with MllpClient(host=host, port=port, patience=patience, on_retry=say, tls=spoken) as client:
        counts = _send_all(client, messages, sayer, rate)
    sayer.say(", ".join(f"{count} {code}" for code, count in sorted(counts.items())))
    context.exit(0 if set(counts) <= {"AA", "CA"} else 1)


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """As a sender is set up: the receiver is verified, by name too; our own certificate where one is given."""
    try:
        found = ssl.create_default_context(cafile=ca)
        if cert is not None:
            found.load_cert_chain(cert, key or cert)
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(str(path) for path in (ca, cert, key) if path)
        raise click.ClickException(f"{named}: {error}; certificates and keys are PEM files") from error
    if key is not None and cert is None:
        raise click.ClickException("--key needs --cert")
    return found


def _said_once(sayer: Sayer, patience: float) -> Callable[[str], None]:
    """Says why it tries again when the reason is a new one, not at every attempt."""
    last = ""

    def say(why: str) -> None:
        nonlocal last
        if why != last:
            sayer.say(f"trying again for up to {patience:g} s (--patience): {why}")
        last = why

    return say


def _place(host: str | None, port: int | None) -> tuple[str, int]:
    """As given, else as the installation that runs here says, else the usual port on loopback."""
    known_host, _, known_port = address_of("mllp").rpartition(":")
    return host or known_host or "127.0.0.1", port or int(known_port or MLLP_DEFAULT)


def _send_all(client: MllpClient, messages: list[tuple[Path, bytes]], sayer: Sayer, rate: float | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    quiet = sayer.console.is_terminal and len(messages) >= MANY
    for path, message in track(messages, "sending", console=sayer.console) if quiet else messages:
        begun = monotonic()
        for answer in _deliver(client, message):
            counts[answer.code] += 1
            if not quiet or not answer.accepted:
                sayer.say(f"{answer.code} {answer.control_id} {answer.text} ({path.name})".replace("  ", " "))
        if rate:
            sleep(max(0.0, 1 / rate - (monotonic() - begun)))
    return counts


def _deliver(client: MllpClient, message: bytes) -> list[Acknowledgement]:
    try:
        return acknowledgements(client.deliver(message)) or [
            Acknowledgement(code="none", control_id="", text="the answer holds no MSA segment")
        ]
    except OSError as error:
        where = f"{client.host}:{client.port}"
        raise click.ClickException(f"no answer from {where}: {error}; {_advice(client, error)}") from error


def _advice(client: MllpClient, error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "name who issued the receiver's certificate by --ca, and the receiver as it stands there by --host"
    if isinstance(error, ConnectionRefusedError):
        return "is intake running (`halo up`)?"
    certificate = "--cert and --key may be missing" if client.tls else "a port with TLS needs --tls"
    return f"is intake running (`halo up`)? {certificate}: docs/integrator.md, section 4.3"
