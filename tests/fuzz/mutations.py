"""Bytes and texts that are nearly right: pieces of what is meant, cut, doubled, exchanged and made worse, by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

ODD_BYTES = (
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"%",
    b"%0",
    b"%zz",
    b"%C3",
    b"%ED%A0%80",
    b"&",
    b"=",
    b"+",
    b";",
    b"\xff",
    b"\xc3\xa9",
)
ODD_CHARACTERS = (
    *("€", "[", "\\", "^", "{", "|", "}", "~", "]", "\f", "\n", "\r", "\0", "\t", " ", "a", "Z", "@", "_", "à", "Ω"),
    *("ç", "’", "“", "—", "…", "😀", "👍🏽", "\u200d", "\u202e", "\ufeff", "\uffff", "\U0010ffff", "e\u0301", "你"),
)


class Mutations:
    """Everything that is random here comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def content(self, seeds: Sequence[bytes], odd: Sequence[bytes] = ODD_BYTES) -> bytes:
        """One of `seeds` after a few changes, or none."""
        content = bytearray(self.random.choice(seeds))
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))):
            self._change(content, seeds, odd)
        return bytes(content)

    def text(self, longest: int = 400) -> str:
        """Characters that matter to segments and encodings, in runs."""
        parts = []
        left = self.random.choice((0, 1, 2, 66, 67, 68, 69, 70, 71, 134, 152, 153, 154, 159, 160, 161, 306, longest))
        while left > 0:
            run = min(left, self.random.choice((1, 1, 2, 30, 66, 150)))
            parts.append(self.random.choice(ODD_CHARACTERS) * run)
            left -= run
        return "".join(parts)

    def _change(self, content: bytearray, seeds: Sequence[bytes], odd: Sequence[bytes]) -> None:
        at = self.random.randint(0, len(content))
        end = min(len(content), at + self.random.choice((1, 1, 2, 4, 16)))
        match self.random.randrange(7):
            case 0:
                del content[at:end]
            case 1:
                content[at:at] = self.random.choice(odd)
            case 2:
                content[at:end] = self.random.randbytes(end - at)
            case 3:
                content[at:at] = content[at:end]
            case 4 if content:
                content[at % len(content)] ^= 1 << self.random.randrange(8)
            case 5:
                other = self.random.choice(seeds)
                cut = self.random.randint(0, len(other))
                content[at:] = other[cut:]
            case _:
                content[at:at] = self.random.choice(odd) * self.random.choice((1, 2, 50))
