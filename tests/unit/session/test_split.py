"""Long texts are cut into messages that fit, at words, with nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.split import LIMIT, split, weight

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
WORDS = st.lists(st.text(CHARACTERS.filter(lambda c: not c.isspace()), min_size=1, max_size=260), max_size=60)
SMALL = st.integers(6, 40)


def units(text: str) -> int:
    """Length as UTF-16, which is how the provider counts."""
    return len(text.encode("utf-16-le")) // 2


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(st.text(CHARACTERS, max_size=400), SMALL)
def test_nothing_but_white_space_is_lost(text: str, limit: int) -> None:
    assert squeezed("".join(split(text, limit))) == squeezed(text)


@given(st.text(CHARACTERS, max_size=400), SMALL)
def test_every_part_fits_and_says_something(text: str, limit: int) -> None:
    for part in split(text, limit):
        assert 0 < units(part) <= weight(part) <= limit
        assert part == part.strip()


@given(WORDS)
def test_words_are_kept_whole(words: list[str]) -> None:
    text = " ".join(words)
    assert [word for part in split(text) for word in part.split(" ") if word] == words


@given(st.text(st.sampled_from("🙂a …"), max_size=200), SMALL)
def test_a_character_of_two_units_is_never_cut(text: str, limit: int) -> None:
    for part in split(text, limit):
        part.encode("utf-16-le")
    assert "".join(split(text, limit)).count("🙂") == text.count("🙂")


@given(st.lists(st.text("abc…🙂", min_size=1, max_size=12), max_size=400))
def test_parts_are_filled(words: list[str]) -> None:
    """No text is cut into more parts than twice what its weight needs."""
    text = " ".join(words)
    assert len(split(text)) <= 2 * weight(text) // LIMIT + 1


@pytest.mark.parametrize("text", ["", " ", "\n\t  "])
def test_white_space_alone_is_no_message(text: str) -> None:
    assert split(text) == []


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("x" * 1600, [1600]),
        ("x" * 1601, [1600, 1]),
        ("🙂" * 800, [800]),
        ("🙂" * 801, [800, 1]),
        ("…" * 534, [533, 1]),
        ("x" * 1600 + " y", [1600, 1]),
        ("x" * 1599 + " yz", [1599, 2]),
        ("word " * 400, [1599, 399]),
        ("x" * 700 + "\n" + "y" * 1000, [1600, 101]),
        ("x" * 900 + "\n" + "y" * 1000, [900, 1000]),
    ],
)
def test_where_a_text_is_cut(text: str, lengths: list[int]) -> None:
    assert [len(part) for part in split(text)] == lengths


def test_the_one_character_that_cannot_be_stored_is_replaced() -> None:
    assert split("a\x00b") == ["a\ufffdb"]
