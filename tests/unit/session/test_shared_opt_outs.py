"""The session rule S10 at a number that shares its opt-outs with others: a STOP there is one here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.domain.decide import Refused
from parley_session.domain.keywords import Keyword
from parley_session.domain.thread import EndReason, Phase, TurnKind
from tests.unit.session.promises import Register
from tests.unit.session.world import World, begun, texts


@pytest.fixture
def pooled() -> World:
    """A conversation with a number whose opt-outs are shared with others."""
    world = World(register=Register(scope="pool"))
    world.answer(begun(world.receive("hello")), "Hi, who is this?")
    return world


def test_s10_a_stop_at_another_number_of_the_scope_ends_the_session_at_the_next_look(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.time_out()
    assert pooled.last_session.end_reason is EndReason.OPTED_OUT
    assert pooled.rows.canceled == {pooled.rows.outbound[0].id}


def test_s10_the_next_text_ends_it_too_and_is_ignored(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.receive("hello?")
    assert pooled.last_session.end_reason is EndReason.OPTED_OUT
    assert pooled.ignored == {"hello?": "opted_out"}


def test_s10_the_reply_of_a_turn_that_ran_meanwhile_is_not_said(pooled: World) -> None:
    run = begun(pooled.receive("me"))
    pooled.receive("and me")
    pooled.hear_elsewhere(Keyword.STOP)
    assert begun(pooled.answer(run, "Hi there")).turn.kind is TurnKind.END
    assert pooled.said == ["Hi, who is this?"]
    assert pooled.ignored == {"me": "opted_out", "and me": "opted_out"}


def test_s10_nor_is_the_fallback_text(pooled: World) -> None:
    run = begun(pooled.receive("me"))
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.fail(run)
    assert pooled.said == ["Hi, who is this?"]
    assert pooled.last_session.end_reason is EndReason.OPTED_OUT


@pytest.mark.parametrize("may_claim", [False, True])
def test_s10_nor_is_the_agent_called_again(pooled: World, may_claim: bool) -> None:
    pooled.receive("me", may_claim=may_claim)
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.advance(20)
    assert begun(pooled.poll()).turn.kind is TurnKind.END
    assert pooled.ignored == {"me": "opted_out"}


def test_s10_an_end_goes_on_whatever_is_said_elsewhere(pooled: World) -> None:
    end = begun(pooled.end())
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.receive("wait")
    pooled.answer(end)
    assert pooled.ignored == {"wait": "opted_out"}


def test_s10_who_has_opted_out_is_not_warned(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.skip_to_due()
    pooled.time_out()
    assert pooled.said == ["Hi, who is this?"]


def test_s10_people_are_told_that_somebody_has_opted_out(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    with pytest.raises(Refused) as caught:
        pooled.send("this is Ann")
    assert caught.value.reason == "OPTED_OUT"


def test_s10_an_older_stop_at_another_number_does_not_outweigh_a_start_here(pooled: World) -> None:
    pooled.receive("START")
    pooled.hear_elsewhere(Keyword.STOP, pooled.now - timedelta(seconds=1))
    pooled.time_out()
    assert pooled.phase is Phase.OPEN


def test_s10_a_start_at_another_number_opens_this_one_again(pooled: World) -> None:
    pooled.answer(begun(pooled.receive("STOP")))
    pooled.advance(1)
    pooled.hear_elsewhere(Keyword.START)
    assert texts(pooled.receive("hello")) == ["hello"]


def test_s10_without_a_scope_the_number_stands_for_itself(talking: World, pooled: World) -> None:
    talking.receive("STOP")
    assert talking.thread.opt_out_scope == talking.thread.endpoint
    pooled.receive("STOP")
    assert pooled.thread.opt_out_scope == "pool"


def test_s10_a_session_that_people_have_ends_with_the_next_text(pooled: World) -> None:
    pooled.hand_off()
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.receive("hello?")
    assert pooled.last_session.end_reason is EndReason.OPTED_OUT
    assert pooled.ignored == {"hello?": "opted_out"}


def test_s10_start_here_clears_what_was_said_there_before_the_session_is_looked_at(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    pooled.advance(1)
    pooled.receive("START")
    assert (pooled.opt_out.opted_out, pooled.phase) == (False, Phase.OPEN)


def test_s10_a_stop_here_ends_the_session_though_it_was_said_there_before_and_start_follows(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    later = pooled.now + timedelta(seconds=1)
    pooled.happen([pooled.text("STOP"), pooled.text("START", receive_time=later)])
    assert (pooled.opt_out.opted_out, pooled.last_session.end_reason) == (False, EndReason.OPTED_OUT)


def test_s10_a_session_of_who_has_opted_out_is_not_handed_to_people(pooled: World) -> None:
    pooled.hear_elsewhere(Keyword.STOP)
    assert begun(pooled.hand_off()).turn.kind is TurnKind.END
    assert pooled.last_session.end_reason is EndReason.OPTED_OUT
