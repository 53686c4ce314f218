"""Messages as hostile, broken and merely odd senders send them: made-up reports, and what a seed makes of them.

A mutant is the bytes on the wire, framing included. The same seed gives the same mutants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
MARKS = b"|^~\\&\r\n\x0b\x1c\x00#$%!"
HEAVY = 30 * 1024 * 1024

_NAMES = ("Izmišljena^Oseba", "Šček^Žiga", "Müller^Jürgen", "O\\T\\Brien^Ann", "", '""')
_CODES = ("17861-6^Calcium^LN", "2160-0^Creatinine^LN", "KREA^Kreatinin^L^2160-0^Creatinine^LN", "718-7^Hb^LN", "X")
_VALUES = ("NM|@||2.40|mmol/L", "SN|@||<^15|mg/L", "ST|@||negativno|", "NM|@||1e999999999|g/L", "NM|@||--5|g/L",
           "CE|@||NEG^negative^L|", "TX|@||a line~another|", "NM|@||١٢|µmol/L", "ED|@||^application^pdf^Base64^JVBE|",
           "ZZ|@||?|", "NM|@||NaN|g/L", "NM|@||2,4|mmol/l", "SN|@||^1^:^|")  # fmt: skip
_KINDS = (
    "ORU^R01",
    "ORU^R01^ORU_R01",
    "ORU^R30",
    "OUL^R22",
    "ADT^A01",
    "ADT^A40",
    "ORM^O01",
    "ACK",
    "",
    "ORU",
    "x" * 300,
)
_TIMES = ("20260301093000+0100", "20260301", "2026", "", "20269999", "yesterday", "20260301093000.123456-1400")
_CHARSETS = ("", "", "UNICODE UTF-8", "8859/2", "WINDOWS-1250", "ASCII", "GB 18030-2000", "UNICODE UTF-16", "\x7f?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One piece of trouble."""

    name: str
    stream: bytes


class Mutator:
    """`heavy` is the share of those that are huge, dear to hold, or both."""

    def __init__(self, seed: int, *, heavy: float = 0.004) -> None:
        self._random, self._heavy, self._number = Random(seed), heavy, 0

    def next(self) -> Mutant:
        """Another one."""
        self._number += 1
        chosen = _HEAVY_ONES if self._random.random() < self._heavy else _LIGHT_ONES
        change = self._random.choice(chosen)
        return Mutant(name=change.__name__, stream=change(self._random, report(self._random, self._number)))


def report(random: Random, number: int) -> bytes:
    """A made-up message, already a little odd in its contents."""
    kind, time, charset = random.choice(_KINDS[:4] * 4 + _KINDS), random.choice(_TIMES), random.choice(_CHARSETS)
    version = random.choice(("2.5.1", "2.3", "2.8", "", "2.x"))
    head = f"MSH|^~\\&|LIS|LAB|HALO|HOSP|{time}||{kind}|M{number}|P|{version}||||||{charset}"
    groups = "".join(_group(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
    codec = random.choice(("utf-8", "utf-8", "utf-8", "iso-8859-2", "cp1250", "utf-16-le"))
    return f"{head}\r{groups}".encode(codec, "replace")


def _group(random: Random) -> str:
    patient = (
        f"PID|1||{random.randrange(500)}^^^HOSP^MR~{random.randrange(9)}^^^ZZZS||{random.choice(_NAMES)}||19500101|F\r"
    )
    lines = [f"PV1|1|I|H2^201^1\rOBR|1|P1|F{random.randrange(99)}|BIO|||{random.choice(_TIMES)}\r"]
    for at in range(random.randrange(9)):
        value = random.choice(_VALUES).replace("@", random.choice(_CODES))
        lines.append(f"OBX|{at}|{value}|||||{random.choice(('F', 'C', 'P', '', 'W'))}\r")
    if random.random() < 0.2:
        lines.append("MRG|8^^^HOSP\rNTE|1||hemoliza \\.br\\ \\X41\\ \\Xzz\\ \\Z\r")
    return patient + "".join(lines)


def framed(data: bytes) -> bytes:
    """As it should be."""
    return VT + data + FS + CR


def untouched(_: Random, data: bytes) -> bytes:
    return framed(data)


def flipped(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 3, 30))):
        if changed:
            changed[random.randrange(len(changed))] = random.choice((random.randrange(256), random.choice(MARKS)))
    return framed(bytes(changed))


def inserted(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    extra = bytes(random.choice(MARKS) for _ in range(random.choice((1, 2, 40))))
    return framed(data[:at] + extra + data[at:])


def with_nul(random: Random, data: bytes) -> bytes:
    pieces = bytearray()
    for byte in data:
        pieces += b"\0" * random.choice((0, 0, 0, 0, 3)) + bytes([byte])
    return framed(bytes(pieces))


def truncated(random: Random, data: bytes) -> bytes:
    return framed(data[: random.randrange(len(data) + 1)])


def headless(random: Random, data: bytes) -> bytes:
    return framed(data[random.randrange(len(data)) :])


def never_ended(random: Random, data: bytes) -> bytes:
    return VT + data[: random.randrange(len(data) + 1)]


def without_cr(random: Random, data: bytes) -> bytes:
    return VT + data + FS * random.choice((1, 2))


def without_start(_: Random, data: bytes) -> bytes:
    return data + FS + CR


def end_inside(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return framed(data[:at] + random.choice((FS, FS + CR, FS + b"\n", FS + VT)) + data[at:])


def start_inside(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return framed(data[:at] + random.choice((VT, VT + b"MSH", VT * 5, VT + data)) + data[at:])


def empty(random: Random, _: bytes) -> bytes:
    return random.choice((VT + FS + CR, (VT + FS + CR) * 20, VT, FS + CR, framed(b"\0\0"), framed(b"\r\n \r")))


def among_garbage(random: Random, data: bytes) -> bytes:
    return (
        random.randbytes(random.randrange(300)).replace(VT, b"") + framed(data) + random.randbytes(9).replace(VT, b"")
    )


def noise(random: Random, _: bytes) -> bytes:
    return framed(random.randbytes(random.choice((1, 50, 5000))))


def other_language(random: Random, _: bytes) -> bytes:
    texts = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"<ORU_R01 xmlns='urn:hl7-org:v2xml'/>", b"\x16\x03\x01\x02\x00\x01",
             b'{"resourceType":"Bundle"}', b"ISA*00*", b"SSH-2.0-x\r\n")  # fmt: skip
    text = random.choice(texts)
    return random.choice((text, framed(text)))


def another_encoding(random: Random, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    mark = random.choice((b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00\x00\xfe\xff"))
    return framed(mark + text.encode(random.choice(("utf-16", "utf-7", "cp500", "utf-32-be", "cp1250")), "replace"))


def other_delimiters(random: Random, data: bytes) -> bytes:
    marks = random.choice(
        (b"|^~\\&", b"#$!%*", b"|^", b"||||", b"|^^^^", b"|\\^~&", b"aaaa", b"", b"|^~\\&#@!+", b"\r\r", b"|\0\0")
    )
    return framed(b"MSH" + marks + data[8:])


def segments_shuffled(random: Random, data: bytes) -> bytes:
    lines = data.split(CR)
    random.shuffle(lines)
    return framed(random.choice((CR, b"\n", b"\r\n", b"\n\r", b"\r\r\r")).join(lines))


def segments_repeated(random: Random, data: bytes) -> bytes:
    head, *lines = data.split(CR)
    return framed(CR.join([head, *(line for line in lines for _ in range(random.choice((1, 1, 2, 50))))]))


def several_headers(random: Random, data: bytes) -> bytes:
    return framed(data.replace(b"PID", b"MSH|^~\\&", 1) if random.random() < 0.5 else data + b"X" + data)


def batch(random: Random, data: bytes) -> bytes:
    count, said = random.choice((0, 1, 3, 30)), random.choice((b"0", b"-1", b"99999999999999999999", b"x", b""))
    opening = random.choice((b"FHS|^~\\&\rBHS|^~\\&\r", b"BHS|^~\\&\r", b"FHS\rFHS\rFHS\r", b"BHS#$\r", b""))
    return framed(
        opening + (data + CR) * count + random.choice((b"BTS|" + said + b"\rFTS|" + said + CR, b"BTS\r", b""))
    )


def long_field(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return framed(data[:at] + random.choice((b"x", b"\\", b"\xc5", b"|", b"~", b"&", b"\r")) * 30_000 + data[at:])


def echoed(random: Random, data: bytes) -> bytes:
    """What is sent back stands in MSH: it must not break the answer."""
    trouble = random.choice(
        (b"\x0bMSH", b"\x1c\r", b"\r\nMSA|AA|1", b"\x1c", b"\xff\xfe", b"A" * 20_000, b"<script>", b"%s%n")
    )
    fields = data.split(CR)[0].split(b"|")
    fields[random.choice((2, 3, 4, 5, 8, 9, 10, 11))] = trouble
    return framed(b"|".join(fields) + CR + CR.join(data.split(CR)[1:]))


def twice_in_one_write(random: Random, data: bytes) -> bytes:
    return framed(data) * random.choice((2, 3, 25))


def huge_field(random: Random, data: bytes) -> bytes:
    return framed(data + b"OBX|99|TX|X||" + random.choice((b"x", b"\0", b"\xc4\x8d", FS, b"\\")) * HEAVY)


def nearly_too_large(random: Random, data: bytes) -> bytes:
    return framed(
        data + b"OBX|99|ED|PDF||^application^pdf^Base64^" + b"JVBERi0x" * random.choice((60_000, 1_000_000, 2_090_000))
    )


def many_segments(random: Random, data: bytes) -> bytes:
    line = random.choice((b"OBX|1|NM|X||1|g/L|||||F\r", b"PID|1||7^^^HOSP\r", b"NTE|1||x\r", b"OBX\r", b"SPM|1\r"))
    return framed(data + line * random.choice((3_000, 19_000, 300_000)))


def many_patients(random: Random, data: bytes) -> bytes:
    lines = [f"PID|1||{at}^^^HOSP\rOBR|1||F|B\rOBX|1|NM|X||1\r".encode() for at in range(random.choice((300, 3_000)))]
    return framed(data.split(CR)[0] + CR + b"".join(lines))


def deep_repeats(random: Random, data: bytes) -> bytes:
    count = random.choice((10_000, 390_000, 5_000_000))
    return framed(
        data
        + random.choice((b"PID|1||", b"OBX|1|CE|X||", b"OBX|1|NM|X||1|||"))
        + random.choice((b"a~", b"^", b"~", b"&", b"|")) * count
    )


def many_messages(random: Random, data: bytes) -> bytes:
    return framed(
        b"BHS|^~\\&\r" + (b"MSH|^~\\&|A|B\r" if random.random() < 0.5 else data + CR) * random.choice((500, 50_000))
    )


def half_of_a_huge_one(_: Random, data: bytes) -> bytes:
    return VT + data + b"x" * (20 * 1024 * 1024)


Change = Callable[[Random, bytes], bytes]
_LIGHT_ONES: tuple[Change, ...] = (
    untouched, flipped, flipped, inserted, inserted, with_nul, truncated, headless, never_ended, without_cr, without_start,
    end_inside, start_inside, empty, among_garbage, noise, other_language, another_encoding, other_delimiters,
    segments_shuffled, segments_repeated, several_headers, batch, long_field, echoed, twice_in_one_write,
)  # fmt: skip
_HEAVY_ONES: tuple[Change, ...] = (
    huge_field, nearly_too_large, many_segments, many_patients, deep_repeats, many_messages, half_of_a_huge_one,
)  # fmt: skip
NAMES = frozenset(change.__name__ for change in (*_LIGHT_ONES, *_HEAVY_ONES))
