"""The keyword tables of Twilio's default opt-out."""

import pytest

from parley_simulator.domain.keywords import Verdict, judge

LOCAL, TOLL_FREE = "+15550001111", "+18885550100"
STOPS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")


@pytest.mark.parametrize("word", STOPS)
def test_every_stop_word_blocks(word: str) -> None:
    for form in (word, word.lower(), f"  {word.title()}\n"):
        verdict = judge(LOCAL, form, blocked=False)
        assert verdict.blocked
        assert (verdict.answer or "").startswith("You have successfully been unsubscribed.")


@pytest.mark.parametrize("word", ["START", "YES", "UNSTOP"])
def test_every_start_word_lifts_a_block(word: str) -> None:
    verdict = judge(LOCAL, word, blocked=True)
    assert not verdict.blocked
    assert "re-subscribed" in (verdict.answer or "")


@pytest.mark.parametrize("word", ["HELP", "INFO", "info"])
def test_help_is_answered_and_changes_nothing(word: str) -> None:
    assert judge(LOCAL, word, blocked=False) == Verdict(False, "Reply STOP to unsubscribe. Msg&Data Rates May Apply.")


@pytest.mark.parametrize("text", ["", "STOP PLEASE", "STOP.", "stop it", "helpful", "yes please", "S T O P"])
def test_other_texts_change_nothing(text: str) -> None:
    assert judge(LOCAL, text, blocked=False) == Verdict(False, None)
    assert judge(LOCAL, text, blocked=True) == Verdict(True, None)


def test_an_answer_follows_only_a_change() -> None:
    assert judge(LOCAL, "STOP", blocked=True) == Verdict(True, None)
    assert judge(LOCAL, "YES", blocked=False) == Verdict(False, None)
    assert judge(LOCAL, "HELP", blocked=True) == Verdict(True, None)


def test_toll_free_knows_fewer_words() -> None:
    assert judge(TOLL_FREE, "CANCEL", blocked=False) == Verdict(False, None)
    assert judge(TOLL_FREE, "YES", blocked=True) == Verdict(True, None)
    stopped = judge(TOLL_FREE, "stop", blocked=False)
    assert stopped.blocked
    assert (stopped.answer or "").startswith("NETWORK MSG")
    assert not judge(TOLL_FREE, "UNSTOP", blocked=True).blocked
