"""What people write, and their numbers, do not show in the values that carry them: those reach logs and errors."""

from __future__ import annotations

from parley_session.domain.events import HandOffSession, SendMessage, StartSession
from parley_session.domain.numbering import Sender
from parley_session.domain.thread import HandOff, Opening
from tests.unit.session.world import World, begun

SECRET = "0f6b1c-canary"


def test_nothing_private_shows(world: World) -> None:
    text = world.text(SECRET, media_urls=(f"https://media.example/{SECRET}",))
    run = begun(world.happen([text]))
    world.answer(run, SECRET, state=f'{{"{SECRET}": 1}}', hand_off=HandOff("desk", SECRET))
    done = world.start_session(SECRET)
    stored = [text, run, world.thread, world.rows.inbound[1].text, *world.rows.outbound, *world.rows.sessions.values()]
    asked = [
        StartSession(done.request, SECRET),
        SendMessage(done.request, "session", SECRET),
        HandOffSession("session", HandOff("desk", SECRET)),
    ]
    for value in [*stored, *asked, Sender("+15550100"), Opening("echo", {}, scope=SECRET)]:
        shown = repr(value)
        assert SECRET not in shown
        assert "+1555" not in shown
