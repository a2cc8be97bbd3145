"""Which faults strike, how often, and by what chance."""

from collections.abc import Iterator

from parley_simulator.domain.faults import FATE_KINDS, REQUEST_KINDS, Fault, FaultSchedule, Kind, Occasion

ANN, BEN, OURS = "+15550100001", "+15550100002", "+15550001111"
TO_ANN, TO_BEN = Occasion("messages.create", (ANN, OURS)), Occasion("messages.create", (BEN, OURS))


def schedule(*faults: Fault, rolls: Iterator[float] | None = None) -> FaultSchedule:
    chance = rolls or iter(())
    made = FaultSchedule(lambda: next(chance))
    for fault in faults:
        made.add(fault)
    return made


def struck(made: FaultSchedule, occasion: Occasion = TO_ANN, *, accepted: bool | None = None) -> list[int]:
    return [fault.id for fault in made.strikes(occasion, REQUEST_KINDS, accepted=accepted)]


def test_a_count_runs_out() -> None:
    made = schedule(Fault(1, Kind.ERROR, count=2))
    assert [struck(made) for _ in range(3)] == [[1], [1], []]


def test_without_a_count_there_is_no_end() -> None:
    made = schedule(Fault(1, Kind.ERROR, count=None))
    assert [struck(made) for _ in range(5)] == [[1]] * 5


def test_chance_below_the_probability_strikes_and_only_strikes_count() -> None:
    made = schedule(Fault(1, Kind.ERROR, count=2, probability=0.5), rolls=iter([0.5, 0.49, 0.9, 0.0, 0.0]))
    assert [struck(made) for _ in range(5)] == [[], [1], [], [1], []]


def test_a_fault_concerns_whom_it_names() -> None:
    made = schedule(
        Fault(1, Kind.ERROR, count=None, participant=ANN),
        Fault(2, Kind.ERROR, count=None, number=OURS),
        Fault(3, Kind.ERROR, count=None, participant=BEN, number="+15559999999"),
    )
    assert struck(made, TO_ANN) == [1, 2]
    assert struck(made, TO_BEN) == [2]


def test_a_fault_concerns_its_operation() -> None:
    made = schedule(
        Fault(1, Kind.ERROR, count=None, operation="messages.list"), Fault(2, Kind.CUT, None, operation="*")
    )
    assert struck(made, Occasion("messages.list")) == [1, 2]
    assert struck(made, TO_ANN) == [2]


def test_before_and_after_acceptance_are_kept_apart() -> None:
    made = schedule(Fault(1, Kind.ERROR, accepted=True), Fault(2, Kind.ERROR))
    assert struck(made, accepted=False) == [2]
    assert struck(made, accepted=True) == [1]


def test_a_fault_that_is_not_come_to_is_not_used_up() -> None:
    made = schedule(Fault(1, Kind.ERROR), Fault(2, Kind.ERROR))
    assert next(made.strikes(TO_ANN, REQUEST_KINDS)).id == 1
    assert struck(made) == [2]


def test_kinds_are_kept_apart() -> None:
    made = schedule(Fault(1, Kind.STALL))
    assert struck(made) == []
    assert [fault.id for fault in made.strikes(TO_ANN, FATE_KINDS)] == [1]


def test_faults_are_cleared_one_or_all() -> None:
    made = schedule(Fault(1, Kind.ERROR), Fault(2, Kind.CUT))
    made.clear(1)
    assert [fault.id for fault in made] == [2]
    made.clear()
    assert not made
