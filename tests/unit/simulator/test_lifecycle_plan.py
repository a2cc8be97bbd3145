"""What becomes of a message, step by step, and what is called back."""

import pytest

from parley_simulator.domain.faults import Fault, Kind
from parley_simulator.domain.lifecycle import Pace, SenderQueues, Step, plan

PACE = Pace(sent=1.0, final=2.0)


def test_a_message_is_sent_and_delivered() -> None:
    assert plan(10.0, PACE, [], None) == (
        Step(11.0, "sent", ("sent",)),
        Step(13.0, "delivered", ("delivered",)),
    )


@pytest.mark.parametrize(
    ("faults", "steps"),
    [
        ([Fault(1, Kind.STALL)], ()),
        ([Fault(1, Kind.FAIL, message_status="failed", code=30001)], (Step(11.0, "failed", ("failed",), 30001),)),
        (
            [Fault(1, Kind.FAIL, code=30003)],
            (Step(11.0, "sent", ("sent",)), Step(13.0, "undelivered", ("undelivered",), 30003)),
        ),
        (
            [Fault(1, Kind.LOSE_CALLBACK)],
            (Step(11.0, "sent", ()), Step(13.0, "delivered", ())),
        ),
        (
            [Fault(1, Kind.LOSE_CALLBACK, message_status="sent")],
            (Step(11.0, "sent", ()), Step(13.0, "delivered", ("delivered",))),
        ),
        (
            [Fault(1, Kind.DUPLICATE_CALLBACK, message_status="delivered")],
            (Step(11.0, "sent", ("sent",)), Step(13.0, "delivered", ("delivered", "delivered"))),
        ),
        (
            [Fault(1, Kind.REORDER_CALLBACKS)],
            (Step(11.0, "sent", ()), Step(13.0, "delivered", ("delivered", "sent"))),
        ),
        (
            [Fault(1, Kind.DELAY_CALLBACKS, seconds=5.0)],
            (Step(16.0, "sent", ("sent",)), Step(18.0, "delivered", ("delivered",))),
        ),
    ],
    ids=lambda value: value[0].kind if value and isinstance(value, list) else None,
)
def test_faults_change_the_plan(faults: list[Fault], steps: tuple[Step, ...]) -> None:
    assert plan(10.0, PACE, faults, None) == steps


def test_a_blocked_message_is_undelivered() -> None:
    assert plan(10.0, PACE, [], 30004)[-1] == Step(13.0, "undelivered", ("undelivered",), 30004)


def test_a_blocked_text_that_never_leaves_twilio_fails() -> None:
    assert plan(10.0, PACE, [], 21610) == (Step(11.0, "failed", ("failed",), 21610),)


def test_a_messaging_service_queues_a_text_first() -> None:
    steps = plan(10.0, PACE, [], None, in_service=True)
    assert [(step.due, step.status, step.reports) for step in steps] == [
        (10.0, "queued", ("queued",)),
        (11.0, "sent", ("sent",)),
        (13.0, "delivered", ("delivered",)),
    ]
    assert plan(10.0, PACE, [Fault(1, Kind.STALL)], None, in_service=True) == ()


def test_a_senders_texts_leave_one_after_the_other() -> None:
    queues = SenderQueues()
    assert [queues.enter("a", 10.0, segments, 2.0) for segments in (1, 3, 1)] == [10.0, 10.5, 12.0]
    assert queues.enter("b", 10.0, 1, 2.0) == 10.0
    assert queues.wait("a", 10.0) == 2.5
    assert queues.enter("a", 99.0, 1, 2.0) == 99.0
    assert queues.enter("a", 10.0, 1, 0.0) == 10.0
