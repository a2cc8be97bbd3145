"""The job that has due sessions decided, and what it says about Twilio's list."""

import time
from collections.abc import Callable

import grpc
import pytest

from tests.integration.notifier.conftest import Start
from tests.integration.notifier.peers import SessionPeer, TwilioPeer

NEVER = 3600.0
LAG = 0.25


def asked_times(session: SessionPeer, count: int) -> Callable[[], bool]:
    wanted = len(session.time_outs) + count
    return lambda: len(session.time_outs) >= wanted


async def test_due_sessions_are_asked_for_again_and_again(start: Start, session: SessionPeer) -> None:
    async with start(timeout_poll=0.02, timeout_limit=7):
        await session.wait_until(asked_times(session, 3))
    assert {request.limit for request in session.time_outs} == {7}


async def test_while_answers_are_full_the_next_call_comes_at_once(start: Start, session: SessionPeer) -> None:
    session.due = 5 * 200 + 1
    async with start(timeout_poll=NEVER):
        await session.wait_until(lambda: session.due == 0)
    assert len(session.time_outs) == 6, "the last answer is not full"


@pytest.mark.parametrize(
    "refusal", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]
)
async def test_a_service_that_does_not_answer_is_asked_again_and_complained_of_once(
    refusal: grpc.StatusCode, start: Start, session: SessionPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "parley_notifier")
    session.time_out_refusal = refusal
    async with start(timeout_poll=0.02):
        await session.wait_until(asked_times(session, 5))
        session.time_out_refusal = None
        session.due = 3
        await session.wait_until(lambda: session.due == 0)
        await session.wait_until(asked_times(session, 2))
    events = [event for event in caplog.messages if event.startswith("time_out_sessions")]
    assert events == ["time_out_sessions_failed", "time_out_sessions_recovered"]
    assert "loop_failed" not in caplog.messages


async def test_what_is_covered_was_told_before_the_list_was_asked_for(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    session.awaited = time.time()
    async with start(timeout_poll=0.02, twilio_url=twilio.url, coverage_lag=LAG, list_interval=0.5):
        await twilio.wait_for_lists(1)
        await session.wait_until(asked_times(session, 3))
        known = session.covered_times
        twilio.answering.clear()
        await twilio.wait_for_lists(2)
        told = [now for now in session.nows if now < twilio.asked[1]]
        await session.wait_until(asked_times(session, 5))
        assert session.covered_times == known, "nothing while it is read"
        twilio.answering.set()
        await session.wait_until(lambda: session.covered_times != known)
    asked = session.covered_times[len(known)] + LAG
    assert min(abs(now - asked) for now in told[-2:]) < 1e-5


async def test_a_session_that_waits_has_the_list_read_at_once_and_no_longer(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    async with start(timeout_poll=0.02, twilio_url=twilio.url, coverage_lag=LAG, list_interval=NEVER):
        await twilio.wait_for_lists(1)
        await session.wait_until(lambda: session.nows[-1:] > [twilio.asked[0] + 1.3])
        awaited = session.awaited = time.time()
        await session.wait_until(lambda: session.covered_times[-1:] > [awaited])
        lists = len(twilio.asked)
        await session.wait_until(asked_times(session, 60))
        assert len(twilio.asked) == lists
    assert lists <= 4
    assert len([now for now in session.nows if awaited < now < twilio.asked[1]]) < 25, "it need not wait for its turn"


async def test_lists_that_are_waited_for_are_a_second_apart(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    session.awaited = time.time() + NEVER
    async with start(timeout_poll=0.02, twilio_url=twilio.url):
        await twilio.wait_for_lists(3)
    gaps = [later - earlier for earlier, later in zip(twilio.asked, twilio.asked[1:], strict=False)]
    assert all(0.95 < gap < 2.5 for gap in gaps)


async def test_a_restarted_process_knows_of_no_coverage(start: Start, session: SessionPeer, twilio: TwilioPeer) -> None:
    session.awaited = time.time()
    async with start(timeout_poll=0.02, twilio_url=twilio.url, coverage_lag=0, list_interval=0.1):
        await session.wait_until(lambda: bool(session.covered_times))
    before = len(session.time_outs)
    twilio.answering.clear()
    async with start(timeout_poll=0.02, twilio_url=twilio.url):
        await session.wait_until(asked_times(session, 3))
        assert not any(request.HasField("covered_time") for request in session.time_outs[before:])
        twilio.answering.set()
