"""Sending one claimed text: within its lease or not at all, and what was found out is told until somebody takes it."""

import asyncio
import time

import pytest

from parley_chassis.batcher import BatcherClosed
from parley_chassis.errors import Unavailable
from parley_chassis.lifecycle import Wake
from parley_chassis.settings import ProcessSettings
from parley_chassis.telemetry import Telemetry
from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import State
from parley_notifier.domain.facts import Claim, Finding, Submission
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.outcomes import Answer
from parley_notifier.domain.settlement import Listing, Look
from parley_notifier.domain.terms import Terms
from parley_notifier.handlers.hold_claims import Claims
from parley_notifier.handlers.send_message import SendMessage

TERMS = Terms()
CLAIM = Claim("d1", "t1", 1, "+15550001111", "+15550100001", "hello")


class Twilio:
    """A carrier that answers as it is told."""

    def __init__(self) -> None:
        self.answer: Answer | Exception = Answer(201, 0, "SM1")
        self.sent: list[Claim] = []
        self.until: list[float] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, claim: Claim, until: float) -> Answer:
        self.sent.append(claim)
        self.until.append(until)
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def list_messages(self, look: Look) -> Listing:
        return Listing([], complete=True)


class Sender:
    """The handler with what it needs, and what it told."""

    def __init__(self) -> None:
        self.twilio = Twilio()
        self.wake = Wake()
        self.claims = Claims(2, "me", self.wake)
        self.findings: list[Finding] = []
        self.deaf = 0
        self.fault: Exception | None = None
        process = ProcessSettings(insecure_dev=True)
        self.send = SendMessage(self.twilio, self.claims, TERMS, Telemetry("test", process), self._mark)

    async def _mark(self, finding: Finding) -> None:
        if self.deaf:
            self.deaf -= 1
            raise Unavailable("not now")
        if self.fault:
            raise self.fault
        self.findings.append(finding)

    def start(self, age: float = 0.0) -> None:
        self.claims.take([CLAIM])
        self.send.start(CLAIM, time.monotonic() - age)

    async def outcome(self) -> str:
        await self.send.drain()
        (finding,) = self.findings
        return finding.outcome.name


@pytest.fixture
async def sender() -> Sender:
    return Sender()


async def test_a_claim_is_sent_and_its_outcome_marked(sender: Sender) -> None:
    sender.start()
    await asyncio.sleep(0)
    assert await sender.outcome() == "accepted"
    assert sender.twilio.sent == [CLAIM]
    assert sender.claims.idle


async def test_no_send_begins_with_too_little_of_its_lease_left(sender: Sender) -> None:
    sender.start(age=TERMS.lease - TERMS.margin + 0.1)
    await asyncio.sleep(0)
    assert await sender.outcome() == "not_started"
    assert sender.twilio.sent == []


async def test_a_send_begins_while_enough_of_its_lease_is_left(sender: Sender) -> None:
    sender.start(age=TERMS.lease - TERMS.margin - 1.0)
    await asyncio.sleep(0)
    assert await sender.outcome() == "accepted"


async def test_no_send_may_leave_after_its_lease(sender: Sender) -> None:
    claimed = time.monotonic() - 10.0
    sender.start(age=10.0)
    await asyncio.sleep(0)
    await sender.outcome()
    assert sender.twilio.until == [pytest.approx(claimed + TERMS.lease, abs=1.0)]


async def test_what_had_not_begun_is_given_back_when_the_process_stops(sender: Sender) -> None:
    sender.start()
    assert await sender.outcome() == "not_started"
    assert sender.twilio.sent == []


async def test_a_fault_of_our_own_leaves_the_outcome_open(sender: Sender) -> None:
    sender.twilio.answer = ValueError("a bug")
    sender.start()
    await asyncio.sleep(0)
    assert await sender.outcome() == "unknown"


async def test_a_finding_is_told_until_it_is_taken(sender: Sender) -> None:
    sender.deaf = 3
    sender.start()
    await asyncio.sleep(0)
    assert await sender.outcome() == "accepted"


async def test_a_claim_is_held_until_its_finding_is_taken_and_its_slot_until_the_answer(sender: Sender) -> None:
    sender.deaf = 1
    sender.twilio.open.clear()
    sender.start()
    await asyncio.sleep(0)
    assert (sender.claims.allowance, len(sender.claims.held)) == (1, 1)
    sender.twilio.open.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (sender.claims.allowance, len(sender.claims.held)) == (2, 1)
    await sender.send.drain()
    assert len(sender.claims.held) == 0


@pytest.mark.parametrize("fault", [ValueError("cannot be written"), BatcherClosed("stopping")])
async def test_a_claim_whose_finding_nobody_takes_is_no_orphan_and_its_lease_lapses(
    sender: Sender, fault: Exception
) -> None:
    lane = Lane("t1", "+15550001111", "+15550100001")

    def decision(now: float) -> Decision:
        held = sender.claims.held
        return Decision(now=now, terms=TERMS, owner=sender.claims.owner, allowance=sender.claims.allowance, held=held)

    first = decision(0.0)
    delivery = first.submit(lane, Submission("d1", "t1", 1, lane.sender, lane.participant, "hello"), None)
    assert delivery is not None
    first.conclude()
    sender.claims.take(first.claims)
    sender.fault = fault
    sender.send.start(first.claims[0], time.monotonic())
    await asyncio.sleep(0)
    await sender.send.drain()
    assert len(sender.twilio.sent) == 1
    assert sender.claims.allowance == 2, "its slot is free"
    for now in (1.0, TERMS.lease):
        later = decision(now)
        later.tend(lane)
        later.conclude()
        assert later.claims == [], "Twilio may have the text: it is not sent again"
    assert delivery.state is State.UNKNOWN


async def test_a_claim_is_held_for_good_when_what_follows_the_answer_breaks(sender: Sender) -> None:
    def broken(number: str) -> None:
        raise ValueError("a bug")

    process = ProcessSettings(insecure_dev=True)
    send = SendMessage(sender.twilio, sender.claims, TERMS, Telemetry("test", process), sender._mark, broken)
    sender.claims.take([CLAIM])
    send.start(CLAIM, time.monotonic())
    (task,) = send._tasks
    await asyncio.wait([task])
    assert isinstance(task.exception(), ValueError)
    assert (sender.claims.allowance, len(sender.claims.held)) == (2, 1)


async def test_whoever_waits_for_a_slot_is_woken_when_one_is_free(sender: Sender) -> None:
    sender.start()
    sender.claims.starve()
    sender.claims.take([Claim("d2", "t2", 1, "", "", "")])
    await sender.wake.wait(0)
    sender.claims.starve()
    await asyncio.sleep(0)
    await sender.send.drain()
    began = time.monotonic()
    await sender.wake.wait(30)
    assert time.monotonic() - began < 10


async def test_nothing_may_be_claimed_while_the_process_stops(sender: Sender) -> None:
    sender.claims.close()
    assert sender.claims.allowance == 0
