"""The search itself finds what is wrong with a protocol that is small enough to see through."""

from tests.model.search import Assumption, Protocol, Rule, Standing, Steps, explore


def climb(state: int, on: Standing) -> Steps[int]:
    if state < 5 or "stop at five" not in on:
        yield f"climb to {state + 1}", state + 1


def jump(state: int, on: Standing) -> Steps[int]:
    if state == 2:
        yield "jump to 5", 5


def fall(state: int, on: Standing) -> Steps[int]:
    if state == 3 and "no fall" not in on:
        yield "fall to -1", -1


def stays_below_six(state: int) -> bool:
    return state < 6


def protocol(*assumed: str) -> Protocol[int]:
    return Protocol(
        "climb",
        0,
        (Rule(climb), Rule(jump), Rule(fall, fault=True)),
        (stays_below_six,),
        lambda state: state == 5,
        (),
        [Assumption(name, "") for name in assumed],
    )


def stay(state: int, on: Standing) -> Steps[int]:
    yield from ()


def test_all_states_are_counted_once() -> None:
    found = explore(protocol("stop at five", "no fall"))
    assert (found.states, found.broken) == (6, "")


def test_the_shortest_way_to_a_broken_invariant_is_told() -> None:
    found = explore(protocol("stop at five", "no fall"), without=["stop at five"])
    assert found.broken == "stays below six"
    assert list(found.trace) == ["climb to 1", "climb to 2", "jump to 5", "climb to 6"]


def test_a_state_that_leads_nowhere_is_told() -> None:
    lost = Protocol("stay", 0, (Rule(stay),), (), lambda state: state == 1, ())
    assert explore(lost).broken == "it can finish"


def test_nobody_counts_on_a_fault_to_finish() -> None:
    hopeful = Protocol(
        "fault", 0, (Rule(climb, fault=True),), (), lambda state: state == 5, (), [Assumption("stop at five", "")]
    )
    assert explore(hopeful).broken == "it can finish"


def test_states_that_differ_in_names_only_are_one() -> None:
    folded = Protocol(
        "folded",
        0,
        (Rule(climb),),
        (),
        lambda state: state == 1,
        (),
        [Assumption("stop at five", "")],
        canonical=lambda state: min(state, 1),
    )
    assert explore(folded).states == 2
