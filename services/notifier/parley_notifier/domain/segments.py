"""How a text is cut into SMS segments, and the spelling of it that takes the fewest.

GSM-7 when every character is in its table, else UCS-2. A character of two units is never cut.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 1600
"""Twilio takes no longer text."""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f[\\]^{|}~€"
"""Two units each."""

_GSM7 = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*")
_EXTENDED = re.compile(f"[{re.escape(EXTENSION)}]")

GSM7_LIMITS = (160, 153)
UCS2_LIMITS = (70, 67)
"""Units of a text in one segment, and of each segment when there are several (the rest joins them)."""

# What typesetters, word processors and models write where GSM-7 has a plain form.
SMART_CHARACTERS = {
    **dict.fromkeys("‘’‚‛′‹›ʹʻʼʽˈˊ`´", "'"),
    **dict.fromkeys("“”„‟″«»ʺ˝", '"'),
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a", " "),
    **dict.fromkeys("\u202f\u205f\u3000\t", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    **dict.fromkeys("\u2028\u2029", "\n"),
    **dict.fromkeys("•‣⁃·∙●▪", "*"),
    "…": "...",
    "⁄": "/",
    "∼": "~",
    "‗": "_",
    "¦": "|",
    "×": "x",
    "™": "(TM)",
    "©": "(C)",
    "®": "(R)",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
}
_PLAIN = str.maketrans(SMART_CHARACTERS)


def count(text: str) -> int:
    """The segments that Twilio sends and bills for `text`; an empty text is one."""
    if _GSM7.fullmatch(text):
        extended = _EXTENDED.search(text) is not None
        if not extended:
            return _count_equal(len(text), *GSM7_LIMITS)
        return _count_cut([2 if character in EXTENSION else 1 for character in text], *GSM7_LIMITS)
    if not any(character > "\uffff" for character in text):
        return _count_equal(len(text), *UCS2_LIMITS)
    return _count_cut([2 if character > "\uffff" else 1 for character in text], *UCS2_LIMITS)


def _count_equal(units: int, single: int, several: int) -> int:
    return 1 if units <= single else -(-units // several)


def _count_cut(widths: list[int], single: int, several: int) -> int:
    if sum(widths) <= single:
        return 1
    segments, used = 1, 0
    for width in widths:
        if used + width > several:
            segments, used = segments + 1, 0
        used += width
    return segments


def normalise(text: str) -> str:
    """`text` as it is sent: in plain characters where these save segments and stay within Twilio's length.

    A text that needs UCS-2 in any case keeps its typography.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    if _GSM7.fullmatch(text):
        return text
    plain = text.translate(_PLAIN)
    if len(plain) <= MAX_CHARACTERS and _GSM7.fullmatch(plain) and count(plain) <= count(text):
        return plain
    return text


def comparable(text: str) -> str:
    """A form in which a text equals what Twilio's list shows of it, whoever replaced its characters."""
    return " ".join(text.translate(_PLAIN).split())
