"""Which texts are keywords (session rule S10): the provider's standard lists, as whole messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.keywords import Keyword, KeywordMode, is_toll_free, keyword_of

WORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), Keyword.STOP),
    **dict.fromkeys(("START", "UNSTOP"), Keyword.START),
    **dict.fromkeys(("HELP", "INFO"), Keyword.HELP),
}
SHAPES = ["{}", " {}", "{}\n", "\t{} ", "{}.", "{}!", "{}?", "{},", "{};", "{} .", " {}! "]
NOT_KEYWORDS = [
    "STOP PLEASE",
    "please stop",
    "STOP..",
    "STOP?!",
    ".STOP",
    "STOP:",
    "ST OP",
    "STOPP",
    "NONSTOP",
    '"STOP"',
    "S.T.O.P",
    "stop-all",
    "opt out",
    "ende",
    "информация",
    "",
    " ",
    ".",
    "YES!!",
    "NO",
]


def in_lists(text: str, *, opted_out: bool = False, toll_free: bool = False) -> Keyword | None:
    return keyword_of(text, None, KeywordMode.PROVIDER, opted_out=opted_out, toll_free=toll_free)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("word", WORDS)
def test_s10_a_keyword_is_the_whole_message_in_any_case_with_one_mark_at_most(word: str, shape: str) -> None:
    for spelled in (word, word.lower(), word.capitalize(), word.swapcase()):
        assert in_lists(shape.format(spelled)) is WORDS[word]


@pytest.mark.parametrize("opted_out", [False, True])
@pytest.mark.parametrize("text", NOT_KEYWORDS)
def test_s10_anything_more_is_an_ordinary_text(text: str, opted_out: bool) -> None:
    assert in_lists(text, opted_out=opted_out) is None


@given(st.text(max_size=12), st.booleans())
def test_s10_no_other_text_is_a_keyword(text: str, opted_out: bool) -> None:
    letters = "".join(character for character in text.upper() if character.isalnum())
    if letters not in {*WORDS, "YES"}:
        assert in_lists(text, opted_out=opted_out) is None


@pytest.mark.parametrize("text", ["YES", "yes", "Yes.", " yes! "])
@pytest.mark.parametrize(
    ("opted_out", "toll_free", "expected"),
    [(True, False, Keyword.START), (True, True, None), (False, False, None), (False, True, None)],
)
def test_s10_yes_is_a_start_from_who_has_opted_out_but_not_on_a_toll_free_number(
    text: str, opted_out: bool, toll_free: bool, expected: Keyword | None
) -> None:
    assert in_lists(text, opted_out=opted_out, toll_free=toll_free) is expected


@pytest.mark.parametrize("word", ["START", "UNSTOP"])
def test_s10_start_and_unstop_open_a_toll_free_number_again(word: str) -> None:
    assert in_lists(word, opted_out=True, toll_free=True) is Keyword.START


@pytest.mark.parametrize("mode", KeywordMode)
@pytest.mark.parametrize("stated", Keyword)
@pytest.mark.parametrize("text", ["STOP", "START", "HELP", "ARRET", "hello"])
def test_s10_what_the_provider_says_wins(text: str, stated: Keyword, mode: KeywordMode) -> None:
    assert keyword_of(text, stated, mode, opted_out=False, toll_free=False) is stated


@pytest.mark.parametrize("text", [*WORDS, "YES"])
def test_s10_where_the_owner_answers_a_word_alone_is_no_keyword(text: str) -> None:
    assert keyword_of(text, None, KeywordMode.NONE, opted_out=True, toll_free=False) is None


@pytest.mark.parametrize("text", [*WORDS, "YES", "STOP."])
def test_s10_where_the_lists_are_the_customers_own_only_the_fixed_words_are_keywords(text: str) -> None:
    fixed = {"STOP": Keyword.STOP, "START": Keyword.START, "UNSTOP": Keyword.START, "HELP": Keyword.HELP}
    keyword = keyword_of(text, None, KeywordMode.ADVANCED, opted_out=True, toll_free=False)
    assert keyword is fixed.get(text.strip().upper())


@pytest.mark.parametrize("code", [800, 833, 844, 855, 866, 877, 888])
def test_numbers_with_a_toll_free_code_are_toll_free(code: int) -> None:
    assert is_toll_free(f"+1{code}5550100")


@pytest.mark.parametrize(
    "number", ["+15005550100", "+18105550100", "+448005550100", "+180055501", "80055", "+18005550100555"]
)
def test_other_numbers_are_not(number: str) -> None:
    assert not is_toll_free(number)
