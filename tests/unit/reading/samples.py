"""Made-up HL7 v2 messages for the tests of reading and intake."""

from __future__ import annotations

MSH = r"MSH|^~\&|LIS|LAB^1.2.3^ISO|HALO|HOSP|20260301100500+0100||ORU^R01^ORU_R01|C1|P|2.5.1"


def message(*segments: str, end: str = "\r", codec: str = "utf-8", msh: str = MSH) -> bytes:
    """The segments with `msh` in front, each ended by `end`."""
    return "".join(segment + end for segment in (msh, *segments)).encode(codec)


PID = "PID|1||123^^^HOSP^MR||Izmišljena^Oseba||19500102|F"
PV1 = "PV1|1|I|H2^201^B^UKC"
ORC = "ORC|RE|P7|F7"
OBR = "OBR|1|P8^EHR|F8^LAB|BIO^Biochemistry^L|||20260301093000+0100|||||||||||||||20260301100000+0100|||F"
CALCIUM = "OBX|1|NM|17861-6^Calcium^LN^CA^Kalcij^L||3.62|mmol/L^^UCUM|2.10-2.60|HH~A|||F|||20260301092000+0100"


def report(*extra: str, **options: str) -> bytes:
    """A calcium report with `extra` segments behind it."""
    return message(PID, PV1, ORC, OBR, CALCIUM, *extra, **options)
