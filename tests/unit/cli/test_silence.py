"""What a chat without a clock says that Parley does about silence."""

from __future__ import annotations

from datetime import timedelta

from parley_agent.domain.agent_yaml import SessionSettings
from parley_cli.chat.silence import Ended, Silence, Terms, Warned

DAY, GRACE = timedelta(hours=24), timedelta(minutes=10)
MOMENT = timedelta(seconds=1)


def silence_of(**wishes: float | str) -> Silence:
    return Silence(Terms.of(SessionSettings(**wishes)))  # type: ignore[arg-type]


def test_without_wishes_a_warning_comes_after_a_day_and_the_end_ten_minutes_later() -> None:
    silence = silence_of()
    assert list(silence.last(DAY - MOMENT)) == []
    ((warned),) = silence.last(MOMENT)
    assert isinstance(warned, Warned)
    assert warned.after == DAY
    assert warned.text.startswith("Are you still there?")
    assert list(silence.last(GRACE - MOMENT)) == []
    assert list(silence.last(MOMENT)) == [Ended(GRACE, "")]


def test_a_long_silence_is_warned_about_and_then_ended() -> None:
    assert [type(event) for event in silence_of().last(timedelta(days=3))] == [Warned, Ended]


def test_the_agents_own_settings_hold() -> None:
    silence = silence_of(inactive_after=60.0, grace=120.0, warning_text="Hello?", closing_text="Bye.")
    assert list(silence.last(timedelta(minutes=1))) == [Warned(timedelta(minutes=1), "Hello?")]
    assert list(silence.last(timedelta(minutes=2))) == [Ended(timedelta(minutes=2), "Bye.")]


def test_a_text_begins_the_silence_anew_also_after_the_warning() -> None:
    silence = silence_of()
    assert [type(event) for event in silence.last(DAY)] == [Warned]
    silence.end()
    assert list(silence.last(DAY - MOMENT)) == []
    assert silence.next_in == MOMENT


def test_zero_is_never() -> None:
    silence = silence_of(inactive_after=0.0)
    assert list(silence.last(timedelta(days=400))) == []
    assert silence.next_in is None
