"""What happens around a conversation: texts of ours, silence, opt-outs, an agent that breaks. Days pass by skipping."""

from __future__ import annotations

from datetime import timedelta

from parley_cli.story.teller import Teller

A_DAY, AN_HOUR, TEN_MINUTES = timedelta(hours=24), timedelta(hours=1), timedelta(minutes=10)
REMINDER = "Hi Sam, Clip & Co here: does Thursday at 10 suit you for a haircut?"


async def a_text_of_ours(teller: Teller) -> None:
    teller.heading("We text first: POST /v1/outbound-sms, twice with one Idempotency-Key")
    await teller.skip(AN_HOUR)
    before = len(teller.outbox)
    first = await teller.send(REMINDER, key="reminder-1")
    again = await teller.send(REMINDER, key="reminder-1")
    await teller.arrive()
    await teller.quiet()
    teller.check(first == again and first.status == 202, "both are answered 202 with the same session and message")
    teller.check(len(teller.outbox) == before + 1, "one text was sent")
    turns = await teller.turns_of(first.session_id)
    teller.check(turns == 0, "the agent is not called before somebody answers")
    teller.check((await teller.states())[-2:] == ["superseded", "open"], "the older session ended as superseded")
    await teller.text("Yes, please book a haircut on Thursday at 10am")
    (booked,) = await teller.reply()
    teller.check("Booked" in booked, "the agent takes over with the reply, and does not greet")


async def a_silence_that_ends(teller: Teller) -> None:
    teller.heading("24 hours of silence, and a reply within the ten minutes")
    await teller.skip(A_DAY)
    await teller.arrive()
    await teller.quiet()
    await teller.text("Yes, still here. How much is a blow-dry?")
    await teller.reply()
    teller.check((await teller.states())[-1] == "open", "the session stays open, and its 24 hours begin anew")


async def a_silence_that_stays(teller: Teller) -> None:
    teller.heading("Another 24 hours, and nobody answers the warning")
    await teller.skip(A_DAY)
    await teller.arrive()
    await teller.quiet()
    teller.check((await teller.states())[-1] == "open", "the ten minutes begin when Twilio has taken the warning")
    await teller.skip(TEN_MINUTES)
    await teller.state_becomes("inactive")
    teller.check(True, "the session ended: Twilio's own list shows no reply that we could have missed")


async def stop_and_start(teller: Teller) -> None:
    teller.heading("STOP, and START")
    await teller.text("Hello")
    await teller.reply()
    await teller.text("STOP")
    teller.show_automatic()
    teller.check((await teller.states())[-1] == "opted_out", "STOP ends the session; Twilio has answered, we do not")
    refused = await teller.send(REMINDER, key="reminder-2")
    teller.check(refused.status == 409, "who opted out cannot be texted: 409, never a silent success")
    before = len(teller.outbox)
    await teller.text("Are you there?")
    await teller.quiet()
    teller.check(len(teller.outbox) == before, "their other texts are stored, and no agent sees them")
    await teller.text("START")
    teller.show_automatic()
    await teller.text("Hello again")
    await teller.reply()
    teller.check((await teller.states())[-1] == "open", "START lets them in again")


async def an_agent_that_breaks(teller: Teller) -> None:
    teller.heading("An agent whose process dies in the middle of a turn")
    other = await teller.calling("fragile", "+15550100101")
    await other.text("Break!")
    (fallback,) = await other.reply()
    teller.check("Something broke" in fallback, "three attempts, then its fallback text: never silence")
    await other.text("Hello")
    (answer,) = await other.reply()
    teller.check(answer == "You said: Hello", "the conversation goes on")
