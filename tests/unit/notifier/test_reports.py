"""What the session service is told, from what is known of a delivery."""

import pytest

from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.reports import Told, rank, record_of

LOCAL, TOLL_FREE = "+15550001111", "+18885550100"


def delivery(state: State, status: str = "", error_code: int = 0) -> Delivery:
    return Delivery("d", "t", 1, "hello", state=state, status=status, error_code=error_code, sid="SM1")


@pytest.mark.parametrize(
    ("state", "status", "told"),
    [
        (State.PENDING, "", None),
        (State.CLAIMED, "", None),
        (State.UNKNOWN, "", Told.UNKNOWN),
        (State.FAILED, "", Told.FAILED),
        (State.SUPPRESSED, "", Told.SUPPRESSED),
        (State.CANCELED, "", Told.CANCELED),
        (State.ACCEPTED, "", Told.ACCEPTED),
        (State.ACCEPTED, "queued", Told.ACCEPTED),
        (State.ACCEPTED, "sending", Told.ACCEPTED),
        (State.ACCEPTED, "sent", Told.SENT),
        (State.ACCEPTED, "delivered", Told.DELIVERED),
        (State.ACCEPTED, "read", Told.DELIVERED),
        (State.ACCEPTED, "undelivered", Told.UNDELIVERED),
        (State.ACCEPTED, "failed", Told.FAILED),
        (State.ACCEPTED, "canceled", Told.CANCELED),
        (State.ACCEPTED, "of next year", Told.ACCEPTED),
    ],
)
def test_each_state_is_told_as_what_it_means(state: State, status: str, told: Told | None) -> None:
    record = record_of(delivery(state, status), LOCAL)
    assert (record.told if record else None) == told


@pytest.mark.parametrize(
    ("sender", "status", "code", "told"),
    [
        (LOCAL, "failed", 21610, Told.SUPPRESSED),
        (LOCAL, "undelivered", 30004, Told.UNDELIVERED),
        (TOLL_FREE, "undelivered", 30004, Told.SUPPRESSED),
        (TOLL_FREE, "failed", 30004, Told.SUPPRESSED),
        (TOLL_FREE, "undelivered", 30003, Told.UNDELIVERED),
        (TOLL_FREE, "delivered", 30004, Told.DELIVERED),
    ],
)
def test_an_opt_out_that_only_twilio_knows_is_told_as_one(sender: str, status: str, code: int, told: Told) -> None:
    record = record_of(delivery(State.ACCEPTED, status, code), sender)
    assert record is not None
    assert (record.told, record.error_code) == (told, code)


def test_statuses_rank_as_a_message_lives() -> None:
    life = ["", "accepted", "queued", "sending", "sent", "delivered", "read"]
    assert [rank(status) for status in life] == sorted(rank(status) for status in life)
    assert len({rank(status) for status in ("delivered", "undelivered", "failed", "canceled")}) == 1
    assert rank("something else") == rank("")
