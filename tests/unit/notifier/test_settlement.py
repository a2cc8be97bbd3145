"""What Twilio's list proves."""

import pytest

from parley_notifier.domain.settlement import CLOCK_SKEW, TRIAL_PREFIX, Listed, Listing, Look, candidates, shows_absence

STARTED = 1_000_000.0
LOOK = Look("t", "d", 1, STARTED, "+15550001111", "+15550100001", 'It\'s "fine"...')


def listed(
    sid: str, text: str = LOOK.text, direction: str = "outbound-api", age: float = 0.0, sender: str = LOOK.sender
) -> Listed:
    return Listed(sid, direction, text, STARTED - age, sender)


def listing(*messages: Listed, complete: bool = True) -> Listing:
    return Listing(messages, complete)


def test_the_message_of_the_attempt_is_found() -> None:
    assert candidates(listing(listed("SM2"), listed("SM1", "another text")), LOOK) == ["SM2"]


def test_a_message_is_found_whose_sender_a_messaging_service_keeps_open() -> None:
    assert candidates(listing(listed("SM1", sender="")), LOOK) == ["SM1"]


@pytest.mark.parametrize("text", ["It’s “fine”…", f"{TRIAL_PREFIX}{LOOK.text}", f"{LOOK.text} "])
def test_a_message_is_found_in_another_spelling(text: str) -> None:
    assert candidates(listing(listed("SM1", text)), LOOK) == ["SM1"]


@pytest.mark.parametrize(
    "message",
    [
        listed("SM1", "another text"),
        listed("SM1", direction="inbound"),
        listed("SM1", direction="outbound-reply"),
        listed("SM1", age=CLOCK_SKEW + 1),
        listed("SM1", sender="+15550002222"),
    ],
)
def test_another_message_is_not_taken_for_it(message: Listed) -> None:
    assert candidates(listing(message), LOOK) == []


def test_several_messages_are_told_oldest_first() -> None:
    assert candidates(listing(listed("SM2"), listed("SM1")), LOOK) == ["SM1", "SM2"]


def test_a_list_shows_absence_only_if_it_reaches_back_to_the_attempt() -> None:
    assert shows_absence(listing(), LOOK)
    assert not shows_absence(listing(listed("SM1"), complete=False), LOOK)
    assert shows_absence(listing(listed("SM1"), listed("SM0", age=CLOCK_SKEW + 1), complete=False), LOOK)
