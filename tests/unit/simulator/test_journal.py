"""The journal: every change has a number, stations are found under the text that passed them."""

from __future__ import annotations

from parley_simulator.domain.journal import KEPT, Journal, Subject

TRACE, SPAN = "a" * 32, "b" * 16
CALLBACK = "http://gateway/twilio/status/delivery-1#rc=3"


def changed(journal: Journal, after: int = 0) -> list[tuple[Subject, str]]:
    return [(subject, name) for _, subject, name in journal.since(after)]


def test_a_change_is_told_once_at_the_place_of_its_last() -> None:
    journal = Journal()
    for sid in ("SM1", "SM2", "SM1"):
        journal.touch(sid)
    assert changed(journal) == [(Subject.MESSAGE, "SM2"), (Subject.MESSAGE, "SM1")]
    assert [revision for revision, _, _ in journal.since(0)] == [2, 3]


def test_only_what_changed_since_is_told() -> None:
    journal = Journal()
    journal.touch("SM1")
    seen = journal.revision
    assert changed(journal, seen) == []
    journal.touch("SM2")
    assert changed(journal, seen) == [(Subject.MESSAGE, "SM2")]


def test_stations_stand_in_the_order_in_which_they_began_whatever_they_are_filed_under() -> None:
    journal = Journal()
    report = journal.begin("SM1", "status", 3.0, "sent")
    refused = journal.begin(CALLBACK, "post", 1.0)
    journal.end(CALLBACK, refused, 1.5, "429", failed=True)
    taken = journal.begin(CALLBACK, "post", 2.0)
    assert journal.stations(CALLBACK, "SM1") == [refused, taken, report]
    assert (refused.end, refused.result, refused.failed) == (1.5, "429", True)
    assert taken.end is None
    assert journal.stations("", "SM2") == []


def test_the_end_of_a_station_is_a_change() -> None:
    journal = Journal()
    station = journal.begin("SM1", "inbound", 1.0)
    seen = journal.revision
    journal.end("SM1", station, 2.0, "200", failed=False)
    assert changed(journal, seen) == [(Subject.MESSAGE, "SM1")]


def test_a_trace_is_found_by_the_text_that_began_it_and_by_the_delivery_that_its_answer_is() -> None:
    journal = Journal()
    journal.span_begun(TRACE, SPAN, "gateway.receive_webhook", 1.0, {"message_sid": "SM1"})
    journal.span_begun(TRACE, "c" * 16, "notifier.send_message", 2.0, {"message_id": "delivery-1"})
    assert journal.trace_of("SM1") == TRACE
    assert journal.trace_of("SM2", CALLBACK) == TRACE
    assert journal.trace_of("SM3") == ""
    assert (Subject.MESSAGE, "SM1") in changed(journal)


def test_a_span_that_ends_is_a_change_of_its_trace() -> None:
    journal = Journal()
    journal.span_begun(TRACE, SPAN, "session.run_turn", 1.0, {})
    seen = journal.revision
    journal.span_ended(TRACE, SPAN, 2.0, failed=True)
    journal.span_ended("d" * 32, SPAN, 2.0, failed=True)
    (span,) = journal.spans(TRACE)
    assert (span.name, span.begin, span.end, span.failed) == ("session.run_turn", 1.0, 2.0, True)
    assert changed(journal, seen) == [(Subject.TRACE, TRACE)]


def test_a_journal_does_not_grow_for_ever() -> None:
    journal = Journal()
    for number in range(KEPT + 100):
        journal.begin(f"SM{number}", "inbound", number)
        journal.span_begun(f"{number:032x}", SPAN, "gateway.receive_webhook", 1.0, {"message_sid": f"SM{number}"})
    assert len(list(journal.since(0))) <= KEPT + 1
    assert journal.stations("SM0") == []
    assert journal.spans(f"{0:032x}") == []
    assert journal.trace_of("SM0") == ""
    assert journal.trace_of(f"SM{KEPT + 99}") == f"{KEPT + 99:032x}"


def test_a_new_life_begins_empty_and_its_numbers_go_on() -> None:
    journal = Journal()
    journal.touch("SM1")
    journal.clear()
    assert (journal.lives, changed(journal)) == (1, [])
    journal.touch("SM2")
    assert journal.revision == 2
