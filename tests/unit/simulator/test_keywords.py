"""The keyword tables: Twilio's default opt-out, toll-free, Advanced Opt-Out."""

import pytest

from parley_simulator.domain.keywords import LONG_CODE, TOLL_FREE, Keyword, Verdict, advanced, is_toll_free, judge

STOPS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")


@pytest.mark.parametrize("word", STOPS)
def test_every_stop_word_blocks(word: str) -> None:
    for form in (word, word.lower(), f"  {word.title()}\n"):
        verdict = judge(LONG_CODE, form, blocked=False)
        assert verdict.blocked
        assert (verdict.answer or "").startswith("You have successfully been unsubscribed.")


@pytest.mark.parametrize("word", ["START", "YES", "UNSTOP"])
def test_every_start_word_lifts_a_block(word: str) -> None:
    verdict = judge(LONG_CODE, word, blocked=True)
    assert not verdict.blocked
    assert "re-subscribed" in (verdict.answer or "")


@pytest.mark.parametrize("word", ["HELP", "INFO", "info"])
def test_help_is_answered_and_changes_nothing(word: str) -> None:
    assert judge(LONG_CODE, word, blocked=False) == Verdict(
        False, "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    )


@pytest.mark.parametrize("text", ["", "STOP PLEASE", "STOP.", "stop it", "helpful", "yes please", "S T O P"])
def test_other_texts_change_nothing(text: str) -> None:
    assert judge(LONG_CODE, text, blocked=False) == Verdict(False, None)
    assert judge(LONG_CODE, text, blocked=True) == Verdict(True, None)


def test_an_answer_follows_only_a_change() -> None:
    assert judge(LONG_CODE, "STOP", blocked=True) == Verdict(True, None)
    assert judge(LONG_CODE, "YES", blocked=False) == Verdict(False, None)
    assert judge(LONG_CODE, "HELP", blocked=True) == Verdict(True, None)


def test_toll_free_knows_fewer_words() -> None:
    assert judge(TOLL_FREE, "CANCEL", blocked=False) == Verdict(False, None)
    assert judge(TOLL_FREE, "YES", blocked=True) == Verdict(True, None)
    stopped = judge(TOLL_FREE, "stop", blocked=False)
    assert stopped.blocked
    assert (stopped.answer or "").startswith("NETWORK MSG")
    assert not judge(TOLL_FREE, "UNSTOP", blocked=True).blocked


@pytest.mark.parametrize("area", ["800", "833", "844", "855", "866", "877", "888"])
def test_a_number_is_toll_free_by_its_prefix(area: str) -> None:
    assert is_toll_free(f"+1{area}5550100")
    assert not is_toll_free(f"+44{area}5550100")
    assert not is_toll_free(f"+1555{area}0100")


def test_advanced_words_replace_the_usual_ones_but_for_the_fixed() -> None:
    rules = advanced({Keyword.STOP: ["arret"]})
    assert judge(rules, "Arret", blocked=False).blocked
    assert judge(rules, "stop", blocked=False).blocked
    assert judge(rules, "CANCEL", blocked=False) == Verdict(False, None)
    assert not judge(rules, "YES", blocked=True).blocked


@pytest.mark.parametrize("word", ["STOP", "START", "UNSTOP", "HELP"])
def test_advanced_keywords_are_named_and_the_fixed_stay_what_they_are(word: str) -> None:
    lists = {keyword: ["START", "STOP", "UNSTOP", "HELP"] for keyword in Keyword}
    assert judge(advanced(lists), word, blocked=False).opt_out_type == {"UNSTOP": "START"}.get(word, word)
    assert judge(LONG_CODE, word, blocked=False).opt_out_type == ""
