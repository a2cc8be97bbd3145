"""Conversations with the front desk, on a Wednesday morning unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from parley_agent.domain.hand_off import HandOff
from parley_agent.testing import Chat

MORNING = datetime(2026, 3, 4, 10, 0)
NIGHT = datetime(2026, 3, 4, 21, 15)
GSM7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)

Opened = Callable[..., Chat]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a conversation at a time of the salon's clock."""

    def open_chat(now: datetime = MORNING) -> Chat:
        chat = Chat(Path(__file__).parents[1])
        monkeypatch.setattr(chat.module("agent"), "now", lambda: now)
        return chat

    return open_chat


def say(chat: Chat, text: str) -> str:
    """The last reply to `text`; every reply fits into one message of 160 GSM-7 characters."""
    replies = chat.text(text)
    for reply in replies:
        assert len(reply) <= 160
        assert set(reply) <= GSM7
    return replies[-1] if replies else ""


def test_a_visit_is_booked_moved_and_cancelled(opened: Opened) -> None:
    chat = opened()
    assert say(chat, "Book a haircut tomorrow at 3pm") == (
        "Booked: your haircut is tomorrow at 3pm. Text me if you need to move it."
    )
    assert say(chat, "move it to 4") == "No problem, I've moved your haircut to tomorrow at 4pm. See you then!"
    assert say(chat, "when is my appointment?") == "Your haircut is tomorrow at 4pm. See you then!"
    assert say(chat, "cancel it") == "Done, your haircut tomorrow at 4pm is cancelled. Anything else?"
    assert say(chat, "no") == "You're welcome. Have a lovely day!"
    assert chat.hung_up


def test_the_first_text_is_greeted_and_answered(opened: Opened) -> None:
    assert opened().text("book a beard trim friday at noon") == [
        "Hi, Rosa at Clip & Co here! I can book, move or cancel your visit.",
        "Booked: your beard trim is on Fri 6 Mar at 12pm. Text me if you need to move it.",
    ]


def test_hello_is_greeted_once(opened: Opened) -> None:
    chat = opened()
    assert len(chat.text("Hi!")) == 1
    assert say(chat, "hello").startswith("Hello again!")


def test_outside_hours_the_greeting_says_when_it_opens(opened: Opened) -> None:
    chat = opened(NIGHT)
    assert say(chat, "hi") == (
        "Hi, Rosa at Clip & Co here! We're closed until tomorrow at 9am, but I can book your visit right now."
    )
    assert "closed right now" in say(chat, "are you open?")
    assert say(chat, "haircut tomorrow 10am").startswith("Booked: your haircut is tomorrow at 10am.")


def test_what_is_missing_is_asked_for_and_remembered(opened: Opened) -> None:
    chat = opened()
    assert (
        say(chat, "I'd like an appointment")
        == "Happy to. What would you like? Haircut, beard trim, blow-dry or colour?"
    )
    assert say(chat, "colour") == "Which day and time would you like?"
    assert say(chat, "Friday please") == "What time on Fri 6 Mar? We're open 9am to 6pm."
    assert say(chat, "half past 2").startswith("Booked: your colour is on Fri 6 Mar at 2:30pm.")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("haircut tomorrow at 8pm", "We're open 9am to 6pm tomorrow. I could do 5pm or 5:15pm."),
        ("colour tomorrow at 5pm", "That's too close to closing at 6pm for a colour. I could do 4:15pm or 4:30pm."),
        ("blow-dry tomorrow at 12:45", "Sorry, 12:45pm tomorrow is taken. I could do 12pm or 1:15pm."),
        ("haircut today at 9am", "That time has passed already. When else would you like to come?"),
        ("haircut 3 march at 10am", "I can only book 60 days ahead. Is there an earlier day that works?"),
        ("haircut sunday at 10am", "We're open 11am to 5pm on Sun 8 Mar. I could do 11am or 11:15am."),
    ],
)
def test_a_time_that_does_not_work_is_refused_with_an_offer(opened: Opened, text: str, answer: str) -> None:
    chat = opened()
    assert say(chat, text) == answer
    assert chat.state.visit is None


def test_an_offer_is_taken_by_its_time_alone(opened: Opened) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 8pm")
    assert say(chat, "5:15").startswith("Booked: your haircut is tomorrow at 5:15pm.")


def test_a_refused_move_leaves_the_visit_as_it_was(opened: Opened) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 3pm")
    say(chat, "move it to 8pm")
    assert say(chat, "remind me when I'm booked") == "Your haircut is tomorrow at 3pm. See you then!"
    assert say(chat, "can we make it saturday instead?") == (
        "No problem, I've moved your haircut to Sat 7 Mar at 3pm. See you then!"
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("what time do you open", "We open Mon-Sat 9am to 6pm and Sun 11am to 5pm. We're open now."),
        ("are you open on sunday?", "We're open 11am to 5pm on Sun 8 Mar."),
        ("how much is a haircut?", "Haircut $38, beard trim $18, blow-dry $30, colour $85."),
        ("where are you", "We're at 12 Mill Lane, next to the old cinema. There's parking behind the building."),
        ("how are you?", "Very well, thank you! What can I do for your hair today?"),
        ("are you a robot?", "I'm Rosa, Clip & Co's automated desk. If you'd rather text with a person, just say so."),
        ("do I have a booking?", "You have no visit booked with me yet. Shall I book one?"),
        ("cancel my visit", "You have no visit booked with me, so there's nothing to cancel. Shall I book one?"),
        ("🦄", "Sorry, I didn't get that. I can book, move or cancel a visit, or tell you our hours and prices."),
    ],
)
def test_questions_are_answered(opened: Opened, text: str, answer: str) -> None:
    assert say(opened(), text) == answer


def test_yes_to_an_offer_begins_a_booking(opened: Opened) -> None:
    chat = opened()
    say(chat, "do I have a booking?")
    assert say(chat, "yes please").startswith("Happy to. What would you like?")


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a person",
        "can I speak to someone please",
        "cancel that, get me a human!",
        "A real person please",
        "could I chat with your stylist",
    ],
)
def test_somebody_who_wants_a_person_gets_one(opened: Opened, text: str) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 3pm")
    assert say(chat, text) == "Of course. Somebody from the salon will answer you here in a moment."
    assert chat.handed_off == HandOff("salon", "asks for a person; haircut tomorrow at 3pm")
    assert not chat.hung_up
    assert chat.state.visit is not None
    assert chat.text("are you there?") == []


def test_the_desk_goes_on_when_people_give_the_session_back(opened: Opened) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 3pm")
    say(chat, "talk to a human")
    chat.text("is the parking free?")
    chat.write("It is!")
    chat.resume()
    assert say(chat, "when is my appointment?") == "Your haircut is tomorrow at 3pm. See you then!"
    assert chat.handed_off is None


def test_out_of_hours_nobody_is_fetched(opened: Opened) -> None:
    chat = opened(NIGHT)
    say(chat, "hi")
    assert say(chat, "I need to talk to a person") == (
        "There's nobody at the salon until tomorrow at 9am. I can book your visit, though."
    )
    assert chat.handed_off is None


@pytest.mark.parametrize(
    "text", ["is it 38 per person?", "I want a haircut for a person with curls", "I need someone to cut my hair"]
)
def test_a_person_may_be_mentioned(opened: Opened, text: str) -> None:
    chat = opened()
    chat.text(text)
    assert chat.handed_off is None


@pytest.mark.parametrize("text", ["thanks", "Thank you, bye!", "that's all"])
def test_goodbye_ends_the_session(opened: Opened, text: str) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 3pm")
    assert say(chat, text) == "You're welcome. See you tomorrow at 3pm!"
    assert chat.hung_up


def test_a_new_session_remembers_nothing(opened: Opened) -> None:
    chat = opened()
    say(chat, "haircut tomorrow at 3pm")
    say(chat, "bye")
    assert len(chat.text("when is my visit?")) == 2
    assert chat.state.visit is None


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("3pm", "3pm"),
        ("at 4", "4pm"),
        ("11", "11am"),
        ("15:30", "3:30pm"),
        ("3:30", "3:30pm"),
        ("quarter past 10", "10:15am"),
        ("2 o'clock", "2pm"),
        ("9.15 am", "9:15am"),
    ],
)
def test_times_are_understood(opened: Opened, text: str, spoken: str) -> None:
    chat = opened()
    say(chat, "haircut tomorrow")
    assert say(chat, text).startswith(f"Booked: your haircut is tomorrow at {spoken}.")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("today", "today"),
        ("the day after tomorrow", "on Fri 6 Mar"),
        ("next tuesday", "on Tue 10 Mar"),
        ("wed", "on Wed 11 Mar"),
        ("March 12th", "on Thu 12 Mar"),
        ("the 12th of march", "on Thu 12 Mar"),
    ],
)
def test_days_are_understood(opened: Opened, text: str, spoken: str) -> None:
    chat = opened()
    say(chat, "a haircut at 3pm please")
    assert say(chat, text).startswith(f"Booked: your haircut is {spoken} at 3pm.")
