"""Sending a text again that did not get there: in the open session, or in one that it opens."""

from __future__ import annotations

import pytest

from parley_session.domain.decide import Refused
from parley_session.domain.effects import MessageKind
from parley_session.domain.keywords import Keyword
from parley_session.domain.settings import OnOpenSession
from parley_session.domain.thread import EndReason, Phase, TurnKind, TurnPhase
from tests.unit.session.promises import Register
from tests.unit.session.world import World, begun, texts

TEXT = "your parcel was there"


def refusal(world: World) -> str:
    """Why the text is not sent again; nothing has happened."""
    before = world.thread
    with pytest.raises(Refused) as caught:
        world.retry(TEXT)
    assert world.thread == before
    return caught.value.reason


@pytest.mark.parametrize("wish", list(OnOpenSession))
def test_a_text_is_sent_again_in_the_open_session_whatever_a_new_one_would_do_to_it(
    talking: World, wish: OnOpenSession
) -> None:
    talking.wishes = {"on_open_session": wish.value}
    session = talking.session.id
    done = talking.retry(TEXT)
    assert (done.session_id, talking.session.id) == (session, session)
    assert (talking.rows.outbound[-1].kind, talking.said[-1]) == (MessageKind.PERSON, TEXT)
    assert talking.turn_phase is TurnPhase.NONE, "the agent is not called for it"


def test_a_text_that_is_sent_again_voids_a_warning(talking: World) -> None:
    warning = talking.warn()
    talking.retry(TEXT)
    assert (talking.session.warning_id, talking.rows.canceled) == (None, {warning})


def test_a_text_that_is_sent_again_reaches_a_session_that_people_have(talking: World) -> None:
    talking.hand_off()
    talking.retry(TEXT)
    assert (talking.phase, talking.said[-1]) == (Phase.HANDED_OFF, TEXT)
    assert talking.receive("thanks") is None, "people have it still"


def test_a_text_that_is_sent_again_opens_a_session_where_none_is_open(world: World) -> None:
    done = world.retry(TEXT)
    assert (done.session_id, done.message_id) == (world.session.id, world.rows.outbound[0].id)
    assert (world.session.outbound, world.session.engaged) == (True, False)
    assert world.rows.outbound[0].kind is MessageKind.OPENING
    run = begun(world.receive("thanks"))
    assert (run.turn.kind, texts(run)) == (TurnKind.START, ["thanks"])


def test_a_session_that_a_text_sent_again_opened_ends_unanswered_like_any_other(world: World) -> None:
    world.retry(TEXT)
    world.skip_to_due()
    world.time_out()
    assert world.last_session.end_reason is EndReason.UNANSWERED


def test_a_text_is_not_sent_again_to_who_has_opted_out(talking: World) -> None:
    talking.receive("STOP")
    assert refusal(talking) == "OPTED_OUT"
    talking.advance(1)
    talking.receive("START")
    talking.retry(TEXT)
    assert talking.said[-1] == TEXT


def test_nor_to_who_has_opted_out_at_another_number_while_a_session_is_open() -> None:
    world = World(register=Register(scope="pool"))
    world.answer(begun(world.receive("hello")), "Hi")
    world.hear_elsewhere(Keyword.STOP)
    assert refusal(world) == "OPTED_OUT"


def test_a_number_that_is_not_registered_opens_no_session_to_send_a_text_again(world: World) -> None:
    world.is_registered = False
    assert refusal(world) == "NO_NUMBER"


def test_a_session_that_is_open_still_takes_the_text_of_a_number_that_is_not_registered_any_more(
    talking: World,
) -> None:
    talking.is_registered = False
    talking.retry(TEXT)
    assert talking.said[-1] == TEXT
