"""Files and frames of several messages, with or without FHS/BHS envelopes and MLLP framing, cut into messages."""

from __future__ import annotations

import re

_FRAMED = re.compile(rb"\x0b(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS)")
_FRAME_EDGE = re.compile(rb"\x1c(?:\r\n?|\n|\Z)|\x0b(?=(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS))")
_EDGE = re.compile(
    rb"(?:\A|(?<=[\r\n]))[ \t\0]*+(?:\xef\xbb\xbf)?+[ \t\0]*+(?P<name>MSH|FHS|BHS|BTS|FTS)(?=[!-/:-@\[-`{-~\r\n]|\Z)"
)
_BLANK = bytes(range(0x21)) + b"\xef\xbb\xbf"


def split(data: bytes) -> list[bytes]:
    """The messages in order, byte for byte; splitting a message again gives that message.

    Envelope segments are dropped. Text that belongs to no message comes out as a piece of its own, so that reading
    refuses it and nothing is passed over. Blank input gives nothing.
    """
    pieces = _FRAME_EDGE.split(data) if _FRAMED.search(data) else [data]
    return [message for piece in pieces for message in _messages(piece)]


def _messages(piece: bytes) -> list[bytes]:
    edges = list(_EDGE.finditer(piece))
    starts = [edge.start() for edge in edges]
    found = [piece[: starts[0] if starts else len(piece)]]
    for edge, start, end in zip(edges, starts, [*starts[1:], len(piece)], strict=False):
        found.append(piece[start:end] if edge["name"] == b"MSH" else _behind_line(piece[start:end]))
    return [message for message in found if message.strip(_BLANK)]


def _behind_line(envelope: bytes) -> bytes:
    """What stands in an envelope's stretch after its own line (normally nothing)."""
    line = re.match(rb"[^\r\n]*", envelope)
    return envelope[line.end() :] if line else envelope
