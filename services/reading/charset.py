"""Which character set a message is in: MSH-18, a byte-order mark, else the site's default; never a silent guess.

The label goes into `Source.charset`. Where the bytes contradict the declaration the message is still read, by the
site's default and then by ISO-8859-1 (which accepts every byte), and the label says so
(`iso-8859-1; not utf-8`): a wrongly written name must not keep a calcium of 3.6 from anybody. A unit whose letters
come out wrong is an unknown unit, and mapping quarantines it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

BOM = codecs.BOM_UTF8
FALLBACK = "iso-8859-1"
UNSUPPORTED = "unsupported: "
"""Starts the label of a character set that Halo does not read; such a message is quarantined whole."""

_NAMED = {
    "": "",
    "ASCII": "ascii",
    "US-ASCII": "ascii",
    "ISO IR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "LATIN1": "iso-8859-1",
}
_ISO = re.compile(r"(?:ISO[-_ ]?)?8859[-/_](\d{1,2})")
_WINDOWS = re.compile(r"(?:WINDOWS[- ]?|CP[- ]?)(125\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charset:
    """How the text of one message is decoded."""

    codec: str
    label: str
    supported: bool = True


def decide(declared: str, message: bytes, default: str) -> Charset:
    """`declared` is the first repeat of MSH-18; `default` a codec name of the site. Never raises for any bytes."""
    codec = codec_of(declared)
    if codec is None:
        return Charset(codec="ascii", label=UNSUPPORTED + declared, supported=False)
    wanted = "utf-8" if message.startswith(BOM) else codec or default
    for candidate in (wanted, default, FALLBACK):
        if _decodes(message, candidate):
            return Charset(codec=candidate, label=candidate if candidate == wanted else f"{candidate}; not {wanted}")
    raise AssertionError("ISO-8859-1 decodes every byte")


def codec_of(declared: str) -> str | None:
    """Python's name of a character set of HL7 table 0211 (and of Windows-125x); "" if none declared, None if unread."""
    name = declared.strip().upper()
    if name in _NAMED:
        return _NAMED[name]
    if found := _ISO.fullmatch(name) or _WINDOWS.fullmatch(name):
        codec = f"cp{found[1]}" if found[1].startswith("125") else f"iso-8859-{found[1]}"
        return codec if _known(codec) else None
    return None


def _known(codec: str) -> bool:
    try:
        codecs.lookup(codec)
    except LookupError:
        return False
    return True


def _decodes(message: bytes, codec: str) -> bool:
    try:
        message.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return False
    return True
