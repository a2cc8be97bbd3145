"""Counts the segments that a text is billed and paced by (GSM-7 or UCS-2)."""

from __future__ import annotations

GSM_BASIC = frozenset(
    "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    "¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ"
)
GSM_EXTENSION = frozenset("\f[\\]^{|}~€")
GSM = GSM_BASIC | GSM_EXTENSION

GSM_SINGLE, GSM_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


def count_segments(text: str) -> int:
    """At least 1. A character that takes two units is never split over two segments."""
    if GSM.issuperset(text):
        widths = [2 if char in GSM_EXTENSION else 1 for char in text]
        return _parts(widths, GSM_SINGLE, GSM_PART)
    widths = [2 if char > "\uffff" else 1 for char in text]
    return _parts(widths, UCS2_SINGLE, UCS2_PART)


def utf16_units(text: str) -> int:
    """The length that Twilio's limit of 1600 counts: an emoji is more than one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _parts(widths: list[int], single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
