"""The log: order, filters, and slices that pages are made of."""

import random

from hypothesis import given
from hypothesis import strategies as st

from parley_simulator.domain.messages import INBOUND, OUTBOUND_API, Message, MessageLog, Selection

NUMBERS = ("+15550001111", "+15550002222")
PEOPLE = ("+15550100001", "+15550100002", "+15550100003")


def message(position: int, person: str, number: str, *, outbound: bool, automatic: bool = False) -> Message:
    from_, to = (number, person) if outbound else (person, number)
    return Message(
        sid=f"SM{position}",
        direction=OUTBOUND_API if outbound else INBOUND,
        from_=from_,
        to=to,
        body="secret",
        status="queued" if outbound else "received",
        created=float(position),
        updated=float(position),
        segments=1,
        automatic=automatic,
    )


def log_of(count: int, seed: int = 7) -> MessageLog:
    choose = random.Random(seed)
    log = MessageLog()
    for position in range(count):
        log.append(message(position, choose.choice(PEOPLE), choose.choice(NUMBERS), outbound=choose.random() < 0.5))
    return log


def test_indexes_grow_by_one_and_go_on_after_a_clear() -> None:
    log = log_of(3)
    assert [found.index for found in log.select(Selection())] == [1, 2, 3]
    log.clear()
    assert len(log) == 0
    log.append(message(9, PEOPLE[0], NUMBERS[0], outbound=True))
    assert [found.index for found in log.select(Selection())] == [4]


@given(
    person=st.sampled_from([None, *PEOPLE]),
    number=st.sampled_from([None, *NUMBERS]),
    outbound=st.sampled_from([None, True, False]),
    after=st.integers(0, 45),
)
def test_a_selection_is_what_a_look_at_each_message_finds(
    person: str | None, number: str | None, outbound: bool | None, after: int
) -> None:
    log = log_of(40)
    selection = Selection(participant=person, number=number, outbound=outbound, after=after)
    everything = log.select(Selection())
    assert log.select(selection) == [found for found in everything if selection.takes(found)]


@given(
    to=st.sampled_from(["", *PEOPLE, *NUMBERS, "+1"]),
    from_=st.sampled_from(["", *PEOPLE, *NUMBERS]),
    index=st.integers(1, 41),
)
def test_slices_are_the_messages_before_and_after_an_index(to: str, from_: str, index: int) -> None:
    log = log_of(40)
    fitting = [m for m in log.select(Selection()) if to in ("", m.to) and from_ in ("", m.from_)]
    assert list(log.slice(to=to, from_=from_)) == fitting[::-1]
    assert list(log.slice(to=to, from_=from_, before=index)) == [m for m in fitting if m.index < index][::-1]
    assert list(log.slice_up(to=to, from_=from_, after=index)) == [m for m in fitting if m.index > index]


def test_a_message_keeps_numbers_and_text_out_of_its_repr() -> None:
    shown = repr(message(1, PEOPLE[0], NUMBERS[0], outbound=True))
    assert "secret" not in shown
    assert PEOPLE[0] not in shown
    assert PEOPLE[0] not in repr(Selection(participant=PEOPLE[0]))


def test_the_sending_time_is_the_first_status_that_left_twilio() -> None:
    sent = message(1, PEOPLE[0], NUMBERS[0], outbound=True)
    sent.move("sent", 10.0)
    sent.move("delivered", 12.0)
    assert (sent.sent, sent.updated) == (10.0, 12.0)


def test_what_failed_was_never_sent() -> None:
    failed = message(2, PEOPLE[0], NUMBERS[0], outbound=True)
    failed.move("failed", 10.0, 30001)
    assert (failed.sent, failed.error_code) == (None, 30001)
