"""Segments as Twilio bills them, and the spelling that takes the fewest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_notifier.domain.segments import MAX_CHARACTERS, SMART_CHARACTERS, comparable, count, normalise

TEXTS = st.text(st.sampled_from("aé€{’“—…ñç😀你 \n`") | st.characters(exclude_categories=["Cs"]), max_size=400)


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
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" * 134, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 66 + "😀" + "a" * 66, 3),
        ("你" * 134, 2),
        ("你" * 135, 3),
        ("a" * 152 + "€" + "a" * 152, 3),  # the pair is not cut: one unit of the first segment stays empty
        ("a`", 1),
        ("a" * 70 + "`", 2),  # a backtick is not in the table
        ("a" * 70 + "\t", 2),
        ("ΔΦΓΛΩΠΨΣΘΞ" * 16, 1),
    ],
)
def test_a_text_takes_its_segments(text: str, segments: int) -> None:
    assert count(text) == segments


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("It’s “fine” – really…", 'It\'s "fine" - really...'),
        ("10\u00a0000\u202f€", "10 000 €"),
        ("a\u200bb\ufeff", "ab"),
        ("zero\0byte", "zerobyte"),
        ("plain", "plain"),
        ("ça va ’", "ça va ’"),  # UCS-2 in any case: the typography costs nothing
        ("see you 😀 — soon", "see you 😀 — soon"),
        ("…" * 70, "…" * 70),  # one segment as it is, two in plain characters
    ],
)
def test_a_text_is_sent_in_plain_characters_where_that_saves(written: str, sent: str) -> None:
    assert normalise(written) == sent


def test_a_text_does_not_grow_over_twilios_length() -> None:
    text = "a" * (MAX_CHARACTERS - 2) + "……"
    assert normalise(text) == text


@given(TEXTS)
def test_normalising_never_costs_a_segment_and_is_done_once(text: str) -> None:
    sent = normalise(text)
    assert count(sent) <= count(text.replace("\0", ""))
    assert normalise(sent) == sent


@given(TEXTS)
def test_a_text_is_found_again_however_its_characters_were_replaced(text: str) -> None:
    assert comparable(normalise(text)) == comparable(text.replace("\0", ""))


def test_all_replacements_are_plain() -> None:
    assert all(count("a" * 150 + plain) == 1 for plain in SMART_CHARACTERS.values())
