"""Decisions about single lanes: order, slots, fences, cancels, evidence and what is told."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from parley_notifier.domain.decision import ClaimKey, Decision
from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.facts import Alarm, Claim, Finding, Report, Sighting, Submission
from parley_notifier.domain.lane import WINDOW, Lane
from parley_notifier.domain.outcomes import ACCEPTED, Answer, outcome_of
from parley_notifier.domain.reports import Told
from parley_notifier.domain.settlement import Look
from parley_notifier.domain.terms import Terms

TERMS = Terms()
NOW = 1_000_000.0
SENDER, PARTICIPANT = "+15550001111", "+15550100001"
OK = Answer(201, 0, "SM1", "RQ1")
CUT = Answer()


def lane(*deliveries: Delivery, next_seq: int = 1) -> Lane:
    made = Lane("t", SENDER, PARTICIPANT, next_seq=next_seq)
    made.queue = {delivery.seq: delivery for delivery in deliveries}
    return made


def decision(now: float = NOW, allowance: int = 10, held: Collection[ClaimKey] = (), owner: str = "me") -> Decision:
    return Decision(now=now, clock=now, terms=TERMS, owner=owner, allowance=allowance, held=held)


def submission(seq: int, canceled: bool = False, **fields: str) -> Submission:
    usual = Submission(f"d{seq}", "t", seq, SENDER, PARTICIPANT, "hello", canceled)
    return replace(usual, **fields)  # type: ignore[arg-type]


def pending(seq: int, **fields: object) -> Delivery:
    return Delivery(**{"id": f"d{seq}", "thread_id": "t", "seq": seq, "text": "hello", "due_time": NOW} | fields)  # type: ignore[arg-type]


def claimed(seq: int, attempt: int = 1, owner: str = "other") -> Delivery:
    return pending(seq, state=State.CLAIMED, attempt=attempt, owner=owner, started_time=NOW, due_time=NOW + TERMS.lease)


def finding(delivery: Delivery, answer: Answer, attempt: int = 1, **fields: float) -> Finding:
    claim = Claim(delivery.id, "t", attempt, SENDER, PARTICIPANT, delivery.text)
    return Finding(claim, outcome_of(answer), answer, fields.pop("began", NOW), fields.pop("ended", NOW), **fields)


def look(delivery: Delivery, attempt: int = 1) -> Look:
    return Look("t", delivery.id, attempt, NOW, SENDER, PARTICIPANT, delivery.text)


# ---- order


def test_only_the_head_of_a_lane_is_claimed() -> None:
    made, decided = lane(), decision()
    for seq in (2, 1, 3):
        decided.submit(made, submission(seq), None)
    decided.conclude()
    assert [claim.delivery_id for claim in decided.claims] == ["d1"]
    assert [decided.inserted[f"d{seq}"].state for seq in (1, 2, 3)] == [State.CLAIMED, State.PENDING, State.PENDING]
    assert made.in_flight == 1


def test_a_text_whose_predecessor_is_missing_waits() -> None:
    made, decided = lane(), decision()
    decided.submit(made, submission(2), None)
    decided.conclude()
    assert not decided.claims
    assert made.wake_time is None


def test_the_next_text_is_claimed_in_the_batch_that_ends_its_predecessor() -> None:
    first, second = claimed(1), pending(2)
    made, decided = lane(first, second), decision()
    decided.find(made, first, finding(first, OK))
    decided.conclude()
    assert (made.next_seq, made.in_flight) == (2, 2)
    assert [claim.delivery_id for claim in decided.claims] == ["d2"]


def test_a_lane_passes_canceled_texts_at_once() -> None:
    made, decided = lane(), decision()
    for seq, canceled in ((1, True), (2, True), (3, False)):
        decided.submit(made, submission(seq, canceled), None)
    decided.conclude()
    assert made.next_seq == 3
    assert [claim.delivery_id for claim in decided.claims] == ["d3"]


def test_a_lane_that_was_read_in_part_is_looked_at_again() -> None:
    window = [pending(seq, state=State.CANCELED, due_time=None) for seq in range(1, WINDOW + 1)]
    made, decided = lane(*window), decision()
    made.cut = True
    decided.tend(made)
    decided.conclude()
    assert made.next_seq == WINDOW + 1
    assert made.wake_time == NOW


def test_a_text_taken_back_in_the_same_batch_is_never_claimed() -> None:
    made, decided = lane(), decision()
    new = decided.submit(made, submission(1), None)
    decided.submit(made, submission(1, canceled=True), new)
    decided.conclude()
    assert decided.inserted["d1"].state is State.CANCELED
    assert not decided.claims


# ---- slots


def test_no_more_is_claimed_than_there_are_slots() -> None:
    lanes = [Lane(f"t{number}", SENDER, f"+1555010000{number}") for number in range(3)]
    decided = decision(allowance=2)
    for number, made in enumerate(lanes):
        text = submission(1, message_id=f"d{number}", thread_id=f"t{number}", participant=made.participant)
        decided.submit(made, text, None)
    decided.conclude()
    assert len(decided.claims) == 2
    assert decided.starved
    assert lanes[2].wake_time == NOW, "whoever has a slot finds it"


# ---- submissions that are not new


def test_a_second_submission_changes_nothing_and_is_told_what_became_of_the_text() -> None:
    done = pending(1, state=State.ACCEPTED, due_time=None, sid="SM1", attempt=1)
    made, decided = lane(next_seq=2), decision()
    assert decided.submit(made, submission(1), done) is None
    decided.conclude()
    assert not decided.changed
    assert not decided.lanes
    assert decided.records["d1"].told is Told.ACCEPTED


@pytest.mark.parametrize("state", [State.CLAIMED, State.UNKNOWN])
def test_a_cancel_of_a_text_in_flight_is_remembered(state: State) -> None:
    flying = claimed(1)
    flying.state = state
    made, decided = lane(flying), decision()
    decided.submit(made, submission(1, canceled=True), flying)
    decided.conclude()
    assert (flying.state, flying.canceled) == (state, True)
    assert decided.changed["d1"] is flying


def test_a_remembered_cancel_counts_once_the_text_is_known_not_to_have_left() -> None:
    flying = claimed(1, owner="me")
    flying.canceled = True
    made, decided = lane(flying), decision(held={("d1", 1)})
    decided.find(made, flying, finding(flying, Answer(429, 20429)))
    decided.conclude()
    assert flying.state is State.CANCELED
    assert decided.records["d1"].told is Told.CANCELED


def test_a_remembered_cancel_does_not_hide_that_the_text_was_sent() -> None:
    flying = claimed(1)
    flying.canceled = True
    made, decided = lane(flying), decision()
    decided.find(made, flying, finding(flying, OK))
    decided.conclude()
    assert flying.state is State.ACCEPTED


@pytest.mark.parametrize(
    "wrong",
    [
        submission(1, message_id="other"),
        submission(2, sender="+15550009999"),
        submission(2, participant="+15550109999"),
    ],
)
def test_a_text_in_anothers_place_is_refused_and_its_neighbours_are_not(wrong: Submission) -> None:
    made, decided = lane(pending(1)), decision()
    decided.submit(made, wrong, None)
    decided.submit(made, submission(3), None)
    decided.conclude()
    assert decided.alarms == [(Alarm.SUBMISSION_CONFLICT, wrong.message_id)]
    assert list(decided.inserted) == ["d3"]


def test_a_text_without_a_lane_is_refused() -> None:
    decided = decision()
    decided.submit(None, submission(1), None)
    assert decided.alarms == [(Alarm.SUBMISSION_CONFLICT, "d1")]


# ---- the fence


@pytest.mark.parametrize("answer", [CUT, Answer(400, 21211), Answer(400, 21610), Answer(429), Answer(left=False)])
def test_a_finding_about_an_earlier_attempt_changes_nothing(answer: Answer) -> None:
    flying = claimed(1, attempt=2)
    made, decided = lane(flying), decision()
    decided.find(made, flying, finding(flying, answer, attempt=1))
    decided.conclude()
    assert not decided.changed
    assert (flying.state, flying.attempt) == (State.CLAIMED, 2)
    assert list(decided.attempts) == [("d1", 1)], "but it is evidence, and kept"


def test_an_acceptance_counts_whenever_it_comes() -> None:
    flying = claimed(1, attempt=2)
    made, decided = lane(flying), decision()
    decided.find(made, flying, finding(flying, OK, attempt=1))
    decided.conclude()
    assert (flying.state, flying.sid) == (State.ACCEPTED, "SM1")


def test_a_second_message_for_one_text_raises_an_alarm() -> None:
    done = pending(1, state=State.ACCEPTED, due_time=None, sid="SM1", attempt=2)
    made, decided = lane(next_seq=2), decision()
    decided.find(made, done, finding(done, Answer(201, 0, "SM2"), attempt=2))
    assert decided.alarms == [(Alarm.DUPLICATE_SUSPECTED, "d1")]
    assert done.sid == "SM1"


def test_the_senders_own_answer_after_the_callback_raises_none() -> None:
    flying = claimed(1)
    made, decided = lane(flying), decision()
    decided.report(made, flying, Report("d1", "SM1", "sent"))
    decided.find(made, flying, finding(flying, OK))
    decided.conclude()
    assert not decided.alarms
    assert flying.state is State.ACCEPTED


def test_a_message_of_a_canceled_text_raises_an_alarm() -> None:
    gone = pending(1, state=State.CANCELED, due_time=None)
    made, decided = lane(next_seq=2), decision()
    decided.report(made, gone, Report("d1", "SM1", "sent"))
    decided.report(made, gone, Report("d1", "SM1", "delivered"))
    assert decided.alarms == [(Alarm.PROOF_AFTER_FINAL, "d1")]


# ---- back-off


def test_a_text_given_back_waits_longer_after_each_attempt() -> None:
    pauses = []
    for attempt in (1, 2, 3, 9):
        flying = claimed(1, attempt=attempt, owner="me")
        made, decided = lane(flying), decision(held={("d1", attempt)})
        decided.find(made, flying, finding(flying, Answer(429, 20429), attempt=attempt))
        decided.conclude()
        assert flying.due_time is not None
        assert made.wake_time == flying.due_time
        pauses.append(flying.due_time - NOW)
    assert pauses == [1.0, 2.0, 4.0, 30.0]


def test_chance_shortens_a_pause_by_half_at_most() -> None:
    assert TERMS.backoff_of(3, 0.0) == 4.0
    assert TERMS.backoff_of(3, 1.0) == 2.0


def test_a_text_for_a_full_queue_waits_for_minutes() -> None:
    flying = claimed(1, owner="me")
    made, decided = lane(flying), decision()
    decided.find(made, flying, finding(flying, Answer(400, 21611)))
    assert (flying.state, flying.due_time) == (State.PENDING, NOW + TERMS.pause)


# ---- leases and unknown outcomes


def test_a_lapsed_lease_makes_the_outcome_unknown() -> None:
    flying, later = claimed(1), NOW + TERMS.lease
    made, decided = lane(flying), decision(later)
    decided.tend(made)
    decided.conclude()
    assert flying.state is State.UNKNOWN
    assert made.wake_time == flying.due_time == later + TERMS.look_after
    assert decided.records["d1"].told is Told.UNKNOWN


def test_a_lease_that_runs_is_left_alone() -> None:
    flying = claimed(1)
    made, decided = lane(flying), decision(NOW + TERMS.lease - 0.1)
    decided.tend(made)
    decided.conclude()
    assert flying.state is State.CLAIMED
    assert made.wake_time == flying.due_time


def test_a_claim_that_this_process_does_not_know_of_was_never_begun() -> None:
    """The commit that made it took place, but its answer was lost."""
    flying = claimed(1, owner="me")
    made, decided = lane(flying), decision(held=set())
    decided.tend(made)
    decided.conclude()
    assert (flying.state, flying.attempt) == (State.CLAIMED, 2)
    assert [claim.attempt for claim in decided.claims] == [2]


@pytest.mark.parametrize(("owner", "held"), [("me", {("d1", 1)}), ("other", set[ClaimKey]())])
def test_a_claim_that_is_worked_at_is_not_taken_away(owner: str, held: set[ClaimKey]) -> None:
    flying = claimed(1, owner=owner)
    made, decided = lane(flying), decision(held=held)
    decided.tend(made)
    decided.conclude()
    assert not decided.claims
    assert flying.attempt == 1


def test_an_unknown_outcome_is_looked_up_by_one_process_only() -> None:
    doubtful = claimed(1)
    doubtful.state = State.UNKNOWN
    made, decided = lane(doubtful), decision(NOW + 100)
    doubtful.due_time = NOW + 99
    decided.tend(made)
    decided.conclude()
    assert [(asked.delivery_id, asked.started_time) for asked in decided.looks] == [("d1", NOW)]
    again = decision(NOW + 101)
    again.tend(made)
    again.conclude()
    assert not again.looks


def absences(*asked: float) -> Delivery:
    """What becomes of an attempt claimed at 0 that lists asked for at these times do not show."""
    doubtful = claimed(1)
    doubtful.state = State.UNKNOWN
    made = lane(doubtful)
    for moment in asked:
        decided = decision(NOW + moment + 1)
        decided.see(made, doubtful, Sighting(look(doubtful), "", NOW + moment))
        decided.conclude()
    return doubtful


@pytest.mark.parametrize(
    "asked",
    [
        (200.0,),  # one list is not enough
        (100.0, 129.9),  # closer together than the gap
        (10.0, 119.9),  # the last one too early
    ],
)
def test_absence_does_not_count_too_early(asked: tuple[float, ...]) -> None:
    assert absences(*asked).state is State.UNKNOWN


@pytest.mark.parametrize("asked", [(10.0, 120.0), (118.0, 148.0), (5.0, 35.0, 120.0)])
def test_absence_in_two_lists_lets_the_text_be_sent_again(asked: tuple[float, ...]) -> None:
    again = absences(*asked)
    assert (again.state, again.attempt) == (State.CLAIMED, 2)


def test_a_look_is_planned_for_when_absence_would_count() -> None:
    doubtful = absences(5.0, 35.0, 65.0)
    assert doubtful.due_time == NOW + 96.0
    assert absences(5.0, 35.0, 65.0, 95.0).due_time == NOW + 120.0


def test_an_absence_of_an_earlier_attempt_does_not_count() -> None:
    doubtful = claimed(1, attempt=2)
    doubtful.state = State.UNKNOWN
    made, decided = lane(doubtful), decision(NOW + 500)
    decided.see(made, doubtful, Sighting(look(doubtful, attempt=1), "", NOW + 400))
    assert doubtful.absent_time is None


# ---- what is told, and the evidence


def test_reports_count_by_rank_and_not_by_arrival() -> None:
    done = pending(1, state=State.ACCEPTED, due_time=None, sid="SM1")
    made, decided = lane(next_seq=2), decision()
    for status, told in (("delivered", Told.DELIVERED), ("sent", Told.DELIVERED), ("read", Told.DELIVERED)):
        decided.report(made, done, Report("d1", "SM1", status))
        assert decided.records["d1"].told is told
    assert done.status == "read"
    assert len(decided.reports) == 3


def test_a_report_that_says_nothing_new_is_told_all_the_same() -> None:
    """The process that took it the first time may have died before it could tell."""
    done = pending(1, state=State.ACCEPTED, due_time=None, sid="SM1", status="delivered")
    made, decided = lane(next_seq=2), decision()
    decided.report(made, done, Report("d1", "SM1", "delivered"))
    assert decided.records["d1"].told is Told.DELIVERED
    assert not decided.changed


def test_an_attempt_is_kept_with_the_databases_times() -> None:
    flying = claimed(1)
    made = lane(flying)
    decided = Decision(now=NOW, clock=500.0, terms=TERMS, owner="me", allowance=1)
    decided.find(made, flying, finding(flying, OK, began=499.0, ended=499.5))
    (attempt,) = decided.attempts.values()
    assert (attempt.started_time, attempt.finished_time, attempt.outcome) == (NOW - 1.0, NOW - 0.5, ACCEPTED)
