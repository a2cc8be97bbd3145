"""GSM 03.38 and UCS-2 segments the slow and plain way, from the published table, as a second opinion.

The table is that of 3GPP TS 23.038, 6.2.1 and 6.2.1.1, written as code points by position.
"""

from __future__ import annotations

DEFAULT_ALPHABET = (
    "0040 00A3 0024 00A5 00E8 00E9 00F9 00EC 00F2 00C7 000A 00D8 00F8 000D 00C5 00E5 "
    "0394 005F 03A6 0393 039B 03A9 03A0 03A8 03A3 0398 039E 001B 00C6 00E6 00DF 00C9 "
    "0020 0021 0022 0023 00A4 0025 0026 0027 0028 0029 002A 002B 002C 002D 002E 002F "
    "0030 0031 0032 0033 0034 0035 0036 0037 0038 0039 003A 003B 003C 003D 003E 003F "
    "00A1 0041 0042 0043 0044 0045 0046 0047 0048 0049 004A 004B 004C 004D 004E 004F "
    "0050 0051 0052 0053 0054 0055 0056 0057 0058 0059 005A 00C4 00D6 00D1 00DC 00A7 "
    "00BF 0061 0062 0063 0064 0065 0066 0067 0068 0069 006A 006B 006C 006D 006E 006F "
    "0070 0071 0072 0073 0074 0075 0076 0077 0078 0079 007A 00E4 00F6 00F1 00FC 00E0"
)
ESCAPE = 0x1B
EXTENSION = {0x0A: 0x0C, 0x14: 0x5E, 0x28: 0x7B, 0x29: 0x7D, 0x2F: 0x5C, 0x3C: 0x5B, 0x3D: 0x7E, 0x3E: 0x5D}
EXTENSION |= {0x40: 0x7C, 0x65: 0x20AC}

SEPTETS = {chr(int(code, 16)): bytes([place]) for place, code in enumerate(DEFAULT_ALPHABET.split()) if place != ESCAPE}
SEPTETS |= {chr(code): bytes([ESCAPE, place]) for place, code in EXTENSION.items()}

Unit = bytes
"""What may not be cut: one or two septets, or one or two 16-bit units."""


def units_of(text: str) -> tuple[list[Unit], int, int]:
    """The units of `text`, and how many septets or 16-bit words fit into one segment alone and among several."""
    if all(character in SEPTETS for character in text):
        return [SEPTETS[character] for character in text], 160, 153
    return [character.encode("utf-16-be") for character in text], 70 * 2, 67 * 2


def segments_of(text: str) -> list[list[Unit]]:
    """The segments; each is filled before the next one begins."""
    units, alone, among = units_of(text)
    if sum(map(len, units)) <= alone:
        return [units]
    segments: list[list[Unit]] = [[]]
    for unit in units:
        if sum(map(len, segments[-1])) + len(unit) > among:
            segments.append([])
        segments[-1].append(unit)
    return segments
