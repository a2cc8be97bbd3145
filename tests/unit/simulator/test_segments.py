"""How many segments a text takes."""

import pytest

from parley_simulator.domain.segments import count_segments, utf16_units


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1600, 11),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # 153 septets hold 76 pairs and a single: a pair is not split.
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 66 + "😀" + "a" * 66, 3),
        ("你" * 134, 2),
        ("你" * 135, 3),
        ("’" * 71, 2),
        ("\t" + "a" * 70, 2),
        ("äöüñÄÖÜÑß£Δ" * 14, 1),
    ],
)
def test_segments(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("ç—", 2), ("😀", 2), ("\ud83d", 1)])
def test_utf16_units(text: str, units: int) -> None:
    assert utf16_units(text) == units
