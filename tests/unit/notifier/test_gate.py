"""The gate: when it is open, and what a look at it calls for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parley_notifier.domain.delivery import State
from parley_notifier.domain.gate import Gate, Seen, Step, next_step
from parley_notifier.domain.outcomes import Answer
from tests.unit.notifier.test_decisions import claimed, decision, finding, lane

SETTLE = 60.0
OPEN = Gate(
    closed=False,
    recovering=False,
    reason="",
    change_time=900.0,
    lost_since=None,
    recover_time=None,
    inbound_covered=False,
    outbound_covered=False,
    same_server=True,
    same_database=True,
    beat_due=False,
    now=1000.0,
    beat_time=999.0,
    position=500,
)
SEEN = Seen(beat_time=999.0, position=500)
RECOVERING = replace(OPEN, recovering=True, lost_since=880.0, recover_time=900.0)


def test_it_is_open_where_nothing_speaks_against_it() -> None:
    assert OPEN.is_open
    for change in ({"closed": True}, {"recovering": True}, {"same_server": False}):
        assert not replace(OPEN, **change).is_open  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gate", "seen", "step"),
    [
        (OPEN, SEEN, Step.NOTHING),
        (OPEN, None, Step.NOTHING),
        (replace(OPEN, beat_due=True), SEEN, Step.BEAT),
        # It is told also while nothing is sent: what is lost is lost from then on.
        (replace(OPEN, beat_due=True, closed=True), SEEN, Step.BEAT),
        (replace(OPEN, same_server=False), SEEN, Step.KNOW_SERVER),
        # Another database counts for more than a server that was started anew.
        (replace(OPEN, same_server=False, same_database=False), SEEN, Step.RECOVER),
        (replace(OPEN, same_database=False), None, Step.RECOVER),
        # A volume that was put back shows only to who saw what it has forgotten.
        (replace(OPEN, same_server=False), replace(SEEN, position=501), Step.RECOVER),
        (OPEN, replace(SEEN, position=501), Step.RECOVER),
        # Its log may have grown again.
        (OPEN, replace(SEEN, beat_time=999.5), Step.RECOVER),
        (replace(OPEN, same_server=False), replace(SEEN, beat_time=999.5), Step.RECOVER),
        (RECOVERING, replace(SEEN, position=501), Step.COVER_OUTBOUND),
        # A recovery that begins while another is under way begins it anew.
        (replace(RECOVERING, same_database=False), SEEN, Step.RECOVER),
        (replace(RECOVERING, same_server=False), SEEN, Step.KNOW_SERVER),
        # Whoever had claimed a text before may have sent it, and Twilio take it until then.
        (replace(RECOVERING, now=959.9), SEEN, Step.NOTHING),
        (replace(RECOVERING, now=960.0), SEEN, Step.COVER_OUTBOUND),
        (replace(RECOVERING, outbound_covered=True), SEEN, Step.NOTHING),
        (replace(RECOVERING, inbound_covered=True), SEEN, Step.COVER_OUTBOUND),
        (replace(RECOVERING, inbound_covered=True, outbound_covered=True), SEEN, Step.OPEN),
        (replace(RECOVERING, inbound_covered=True, outbound_covered=True, closed=True), SEEN, Step.OPEN),
    ],
)
def test_a_look_calls_for_one_step(gate: Gate, seen: Seen | None, step: Step) -> None:
    assert next_step(gate, SETTLE, seen) is step


@pytest.mark.parametrize(
    ("position", "seen"),
    [(499, 500), (501, 501), (8192, 500), (8192 + 40, 500), (8192 + 41, 8233)],
)
def test_the_log_is_seen_up_to_the_end_of_a_record(position: int, seen: int) -> None:
    """PostgreSQL writes whole pages ahead: where one has just begun, a crash takes the rest of a record back."""
    assert SEEN.with_position(position).position == seen


def test_a_finding_about_the_attempt_of_another_process_changes_nothing() -> None:
    """After a restore attempts are numbered anew: the same number may be another's."""
    flying = claimed(1, owner="other")
    made, decided = lane(flying), decision()
    decided.find(made, flying, finding(flying, Answer(429, 20429)))
    decided.conclude()
    assert (flying.state, flying.attempt) == (State.CLAIMED, 1)
