"""What Twilio's codes ask for beyond their text: senders stopped, and each matter told to the operator once."""

import logging

import pytest

from parley_chassis.errors import Unavailable
from parley_chassis.lifecycle import Wake
from parley_notifier.domain.error_codes import ERROR_CODES
from parley_notifier.domain.facts import Notice
from parley_notifier.handlers.heed_errors import HeedErrors, PauseSenders
from parley_notifier.handlers.hold_claims import Claims

ONE, OTHER = "+15550001111", "+15550002222"


class Room:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        self.claims = Claims(4, "me", Wake(), pause=60.0)
        self.paused: list[str] = []
        self.heed = HeedErrors(self.claims, self.paused.append)
        self._caplog = caplog

    def notice(self, code: int, sender: str = ONE) -> None:
        self.heed(Notice(ERROR_CODES[code], "d1", sender))

    @property
    def told(self) -> list[str]:
        return [record.message for record in self._caplog.records]


@pytest.fixture
async def room(caplog: pytest.LogCaptureFixture) -> Room:
    return Room(caplog)


async def test_a_matter_is_told_once_for_each_sender(room: Room) -> None:
    for sender in (ONE, ONE, OTHER, ONE):
        room.notice(21606, sender)
    assert room.told == ["twilio_refuses_sender"] * 2


async def test_it_is_told_when_it_is_over_and_when_it_comes_again(room: Room) -> None:
    room.notice(21606)
    room.heed.accepted(OTHER)
    room.heed.accepted(ONE)
    room.heed.accepted(ONE)
    room.notice(21606)
    assert room.told == ["twilio_refuses_sender", "twilio_refuses_sender_no_more", "twilio_refuses_sender"]


async def test_what_carriers_refuse_is_over_when_a_text_arrives_and_not_before(room: Room) -> None:
    room.notice(30034)
    room.heed.accepted(ONE)
    assert room.told == ["twilio_refuses_sender"]
    room.heed.delivered(ONE)
    assert room.told == ["twilio_refuses_sender", "twilio_refuses_sender_no_more"]


async def test_a_participants_matter_is_not_told(room: Room) -> None:
    for code in (21211, 21610, 30003, 30004, 30005):
        room.notice(code)
    assert room.told == []


async def test_a_full_queue_pauses_its_sender(room: Room) -> None:
    room.notice(21611, ONE)
    room.notice(30001, OTHER)
    assert room.paused == [ONE, OTHER]


async def test_a_suspension_that_a_report_tells_of_stops_the_account(room: Room) -> None:
    room.notice(30002)
    assert room.claims.allowance == 0
    assert room.told == ["account_refused"]


async def test_no_number_is_told(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    for row in ERROR_CODES.values():
        room.notice(row.code)
    assert not any(ONE in str(vars(record)) for record in caplog.records)


async def test_a_pause_that_cannot_be_stored_is_let_be(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        async def pause_senders(self, numbers: object, seconds: float) -> None:
            raise Unavailable("not now")

    await PauseSenders(Away(), 60.0)([ONE, ONE])  # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == ["pause_not_stored"]
