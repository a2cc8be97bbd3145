"""Twilio's error codes: what each row of the table leads to, whether it comes in an answer or in a report."""

import pytest

from parley_notifier.domain.decision import Decision
from parley_notifier.domain.delivery import Delivery, Event, State
from parley_notifier.domain.error_codes import ANSWER, ERROR_CODES, REPORT, ErrorCode, Stops, Verdict
from parley_notifier.domain.facts import Claim, Finding, Report
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.domain.reports import Told
from parley_notifier.domain.terms import Terms

NOW = 1_000_000.0
LOCAL, TOLL_FREE, PARTICIPANT = "+15550001111", "+18885550100", "+15550100001"
IN_ANSWERS = [row for row in ERROR_CODES.values() if row.where != REPORT]
IN_REPORTS = [row for row in ERROR_CODES.values() if row.where != ANSWER]
AFTER_ANSWER = {
    Verdict.RETRY: State.PENDING,
    Verdict.SETTLE: State.UNKNOWN,
    Verdict.SUPPRESS: State.SUPPRESSED,
    Verdict.FAIL: State.FAILED,
}
AFTER_REPORT = {
    Verdict.SUPPRESS: Told.SUPPRESSED,
    Verdict.FAIL: Told.FAILED,
    Verdict.EXPIRE: Told.EXPIRED,
    Verdict.HOLD: Told.HELD,
}


def code_of(row: ErrorCode) -> str:
    return str(row.code)


def head(state: State, sender: str) -> tuple[Lane, Delivery]:
    delivery = Delivery("d1", "t", 1, "hello", state, 1, "me", NOW, NOW if state is State.CLAIMED else None)
    return Lane("t", sender, PARTICIPANT, queue={1: delivery}), delivery


def decision(**fields: int) -> Decision:
    return Decision(now=NOW, clock=NOW, terms=Terms(), owner="me", allowance=0, held={("d1", 1)})


def answered(row: ErrorCode) -> tuple[Decision, Delivery]:
    lane, delivery = head(State.CLAIMED, LOCAL)
    answer = Answer(503 if row.verdict is Verdict.SETTLE else 400, row.code)
    decided = decision()
    claim = Claim("d1", "t", 1, LOCAL, PARTICIPANT, "hello")
    decided.find(lane, delivery, Finding(claim, outcome_of(answer), answer, NOW, NOW))
    return decided, delivery


def reported(row: ErrorCode, sender: str = LOCAL) -> tuple[Decision, Delivery]:
    lane, delivery = head(State.ACCEPTED, sender)
    delivery.sid, lane.next_seq = "SM1", 2
    decided = decision()
    decided.report(lane, delivery, Report("d1", "SM1", "failed", row.code))
    decided.conclude()
    return decided, delivery


@pytest.mark.parametrize("row", IN_ANSWERS, ids=code_of)
def test_an_answer_does_what_its_row_says(row: ErrorCode) -> None:
    decided, delivery = answered(row)
    assert delivery.state is AFTER_ANSWER[row.verdict]
    assert [notice.row for notice in decided.notices] == [row]
    assert outcome_of(Answer(400, row.code)).event in (Event.GIVE_BACK, Event.DOUBT, Event.OPT_OUT, Event.REFUSE)


@pytest.mark.parametrize("row", IN_REPORTS, ids=code_of)
def test_a_report_is_told_as_its_row_says_and_never_sends_again(row: ErrorCode) -> None:
    decided, delivery = reported(row, TOLL_FREE if row.only_toll_free else LOCAL)
    assert delivery.state is State.ACCEPTED
    assert decided.claims == []
    assert decided.records["d1"].told is AFTER_REPORT[row.verdict]
    assert [notice.row for notice in decided.notices] == [row]


@pytest.mark.parametrize("row", [row for row in IN_REPORTS if row.only_toll_free], ids=code_of)
def test_what_holds_for_toll_free_senders_fails_for_others(row: ErrorCode) -> None:
    decided, _ = reported(row)
    assert decided.records["d1"].told is Told.FAILED
    assert not decided.opt_outs


@pytest.mark.parametrize("row", [row for row in IN_ANSWERS if row.verdict is Verdict.RETRY], ids=code_of)
def test_what_is_sent_again_stops_what_its_row_says(row: ErrorCode) -> None:
    names = {Stops.EASE: "throttled", Stops.SENDER: "queue_full", Stops.ACCOUNT: "account_refused"}
    assert outcome_of(Answer(400, row.code)).name == names[row.stops]


@pytest.mark.parametrize("row", [row for row in IN_REPORTS if row.where == REPORT], ids=code_of)
def test_a_code_of_reports_means_nothing_special_in_an_answer(row: ErrorCode) -> None:
    assert outcome_of(Answer(400, row.code)).name == "refused"


def test_a_code_that_is_not_in_the_table_fails() -> None:
    assert outcome_of(Answer(400, 99_999)).name == "refused"
    row = ErrorCode(99_999, REPORT, "unheard of")
    decided, _ = reported(row)
    assert decided.records["d1"].told is Told.FAILED
    assert not decided.notices


def test_only_what_was_not_processed_is_sent_again() -> None:
    assert {row.where for row in ERROR_CODES.values() if row.verdict in (Verdict.RETRY, Verdict.SETTLE)} == {ANSWER}


def test_what_stops_the_account_or_a_sender_is_told_to_the_operator() -> None:
    assert all(row.told for row in ERROR_CODES.values() if row.stops in (Stops.ACCOUNT, Stops.SENDER))
