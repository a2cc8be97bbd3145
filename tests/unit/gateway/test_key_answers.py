"""What is remembered of keys: for how long, and of how many."""

from parley_gateway.domain.caller import Caller, Scope
from parley_gateway.domain.key_answers import KeyAnswers

ANN = Caller("ann", frozenset(), frozenset({Scope.READ}))


def test_an_answer_counts_from_when_it_was_asked_for_until_its_time_is_over() -> None:
    answers = KeyAnswers(lifetime=5.0, limit=10)
    answers.keep(b"a", ANN, asked_at=100.0)
    found = answers.find(b"a", 104.9)
    assert found is not None
    assert found.caller == ANN
    assert answers.find(b"a", 105.0) is None


def test_a_key_that_is_none_is_remembered_as_well() -> None:
    answers = KeyAnswers(lifetime=5.0, limit=10)
    answers.keep(b"a", None, asked_at=0.0)
    found = answers.find(b"a", 1.0)
    assert found is not None
    assert found.caller is None
    assert answers.find(b"b", 1.0) is None


def test_a_new_answer_takes_the_place_of_the_old() -> None:
    answers = KeyAnswers(lifetime=5.0, limit=10)
    answers.keep(b"a", ANN, asked_at=0.0)
    answers.keep(b"a", None, asked_at=3.0)
    found = answers.find(b"a", 7.0)
    assert found is not None
    assert found.caller is None


def test_of_too_many_the_oldest_answer_goes() -> None:
    answers = KeyAnswers(lifetime=5.0, limit=3)
    for digest in (b"a", b"b", b"c", b"a", b"d"):
        answers.keep(digest, ANN, asked_at=0.0)
    assert [answers.find(digest, 0.0) is not None for digest in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


def test_a_key_for_no_agent_in_particular_is_for_all() -> None:
    assert ANN.sees("shop")
    assert not ANN.is_restricted
    assert ANN.only_agent == ""


def test_a_key_for_agents_is_for_these_only() -> None:
    bob = Caller("bob", frozenset({"shop", "bank"}), frozenset())
    assert (bob.sees("shop"), bob.sees("post"), bob.is_restricted, bob.only_agent) == (True, False, True, "")
    assert Caller("eve", frozenset({"shop"}), frozenset()).only_agent == "shop"
