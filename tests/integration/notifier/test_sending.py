"""Texts on their way: sent once, in order, and told of."""


from parley_simulator.simulator import Simulator
from tests.integration.notifier.conftest import Notifier, Thread
from tests.integration.notifier.peers import SessionPeer


async def test_a_text_is_sent_and_told_of(
    notifier: Notifier, simulator: Simulator, session: SessionPeer, thread: Thread
) -> None:
    text = thread.text("Hello there")
    await notifier.submit(text)
    (message,) = await simulator.wait_for_outbound(thread.participant)
    assert message.body == "Hello there"
    await session.wait_for("ACCEPTED", text.message_id)
    assert session.last(text.message_id).source_id == message.sid
