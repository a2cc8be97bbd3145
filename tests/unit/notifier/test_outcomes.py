"""The table that decides whether a text may be sent a second time."""

import pytest

from parley_notifier.domain.delivery import Event
from parley_notifier.domain.outcomes import Answer, Wait, outcome_of

SID = "SM" + "0" * 32


@pytest.mark.parametrize(
    ("answer", "name", "event", "wait"),
    [
        (Answer(201, 0, SID), "accepted", Event.PROVE, Wait.NONE),
        (Answer(200, 0, SID), "accepted", Event.PROVE, Wait.NONE),
        (Answer(left=False), "unreachable", Event.GIVE_BACK, Wait.BACKOFF),
        (Answer(429, 20429), "throttled", Event.GIVE_BACK, Wait.BACKOFF),
        (Answer(429), "throttled", Event.GIVE_BACK, Wait.BACKOFF),
        (Answer(400, 21611), "queue_full", Event.GIVE_BACK, Wait.PAUSE),
        (Answer(401, 20003), "account_refused", Event.GIVE_BACK, Wait.PAUSE),
        (Answer(403, 20005), "account_refused", Event.GIVE_BACK, Wait.PAUSE),
        (Answer(400, 21610), "opted_out", Event.OPT_OUT, Wait.NONE),
        (Answer(400, 21211), "refused", Event.REFUSE, Wait.NONE),
        (Answer(400, 21617), "refused", Event.REFUSE, Wait.NONE),
        (Answer(404, 20404), "refused", Event.REFUSE, Wait.NONE),
        (Answer(400, 99999), "refused", Event.REFUSE, Wait.NONE),
        (Answer(), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(500), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(503, 20503), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(500, 21610), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(201), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(302), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(403), "unknown", Event.DOUBT, Wait.NONE),
        (Answer(408), "unknown", Event.DOUBT, Wait.NONE),
    ],
)
def test_an_answer_has_its_meaning(answer: Answer, name: str, event: Event, wait: Wait) -> None:
    outcome = outcome_of(answer)
    assert (outcome.name, outcome.event, outcome.wait) == (name, event, wait)


def test_only_a_429_or_a_code_of_twilios_lets_a_text_that_left_be_sent_again() -> None:
    again = {
        (status, code)
        for status in range(100, 600)
        for code in (0, 20429, 21211)
        if outcome_of(Answer(status, code)).event is Event.GIVE_BACK
    }
    assert again == {(429, 0), (429, 21211)} | {(status, 20429) for status in range(400, 500)}
