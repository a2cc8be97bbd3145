"""A conversation in some real weather: what is said, and what has to come of it."""

from __future__ import annotations

import asyncio

from parley_cli.story.teller import PARTICIPANT, Teller


async def a_first_text(teller: Teller) -> None:
    teller.heading("A first text opens a session, and the agent greets")
    await teller.text("Hi")
    (greeting,) = await teller.reply()
    teller.check("Clip & Co" in greeting, "the agent's start(conv) greeted")


async def a_booking(teller: Teller) -> None:
    teller.heading("The conversation goes on, and the agent remembers")
    await teller.text("Can I book a haircut on Wednesday at 3pm?")
    (booked,) = await teller.reply()
    teller.check("Booked" in booked, "the visit is booked")
    await teller.text("Actually, make it 4")
    (moved,) = await teller.reply()
    teller.check("moved your haircut" in moved, "it knew which visit")


async def a_burst(teller: Teller) -> None:
    teller.heading("Three texts in one breath")
    before = len(teller.outbox)
    await asyncio.gather(
        teller.text("One more thing"), teller.text("how much is a beard trim?"), teller.text("and where are you?")
    )
    await teller.quiet()
    await teller.reply(len(teller.outbox) - before)
    unanswered = await teller.count("SELECT count(*) FROM session.threads WHERE taken < last_inbound")
    teller.check(unanswered == 0, "each of them is in exactly one turn")


async def a_webhook_twice(teller: Teller) -> None:
    teller.heading("Twilio calls the webhook twice")
    stored = await teller.count("SELECT count(*) FROM session.messages WHERE direction = 1")
    teller.stack.simulator.add_fault("duplicate_inbound", participant=PARTICIPANT)
    await teller.text("When is my visit?")
    await teller.reply()
    await teller.quiet()
    now = await teller.count("SELECT count(*) FROM session.messages WHERE direction = 1")
    teller.check(now == stored + 1, "one text was stored, and answered once")


async def an_answer_lost(teller: Teller) -> None:
    teller.heading("Twilio takes a message, and the connection breaks before its answer")
    before = len(teller.outbox)
    teller.stack.simulator.add_fault("cut", participant=PARTICIPANT)
    await teller.text("How much is a blow-dry?")
    await teller.reply()
    teller.note("nobody knows whether it was sent: it is not tried again until something proves what happened")
    await teller.quiet()
    teller.check(len(teller.outbox) == before + 1, "a signed status callback proved it: sent once")


async def a_goodbye(teller: Teller) -> None:
    teller.heading("The agent hangs up, and the next text opens a new session")
    await teller.text("Thanks, bye!")
    await teller.reply()
    await teller.quiet()
    await teller.text("Hello again")
    await teller.reply()
    teller.check(await teller.states() == ["ended_by_agent", "open"], "a second session, which knows of nothing")
