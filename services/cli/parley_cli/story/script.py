"""The story that the demo tells: its steps in their order, and what PostgreSQL and Twilio have to say at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from parley_cli.story.conversation import (
    a_booking,
    a_burst,
    a_first_text,
    a_goodbye,
    a_webhook_twice,
    an_answer_lost,
)
from parley_cli.story.rules import (
    a_silence_that_ends,
    a_silence_that_stays,
    a_text_of_ours,
    an_agent_that_breaks,
    stop_and_start,
)
from parley_cli.story.teller import Teller

Step = Callable[[Teller], Awaitable[None]]

ENDS = ["ended_by_agent", "superseded", "inactive", "opted_out", "open"]


async def what_is_stored(teller: Teller) -> None:
    teller.heading("What PostgreSQL says")
    await teller.delivered()
    states = await teller.table_of_sessions()
    teller.check(states == ENDS, f"five sessions with this number: {', '.join(ENDS)}")
    sent = await teller.count("SELECT count(*) FROM session.messages WHERE direction = 2")
    accepted = len(teller.all_outboxes)
    teller.check(accepted == sent, f"{sent} texts committed, {accepted} accepted by Twilio, all delivered")
    gaps = await teller.count(
        "SELECT count(*) FROM notifier.lanes l JOIN session.threads t ON t.id = l.thread_id "
        "WHERE l.next_seq <> t.last_seq + 1"
    )
    teller.check(gaps == 0, "in order, without a gap")
    lost = await teller.count(
        "SELECT count(*) FROM session.messages m JOIN session.threads t ON t.id = m.thread_id "
        "WHERE m.direction = 1 AND m.ignore_reason = '' AND m.position > t.taken"
    )
    teller.check(lost == 0, "each text is in exactly one turn, or ignored with a reason")


STORY: tuple[Step, ...] = (
    a_first_text,
    a_booking,
    a_burst,
    a_webhook_twice,
    an_answer_lost,
    a_goodbye,
    a_text_of_ours,
    a_silence_that_ends,
    a_silence_that_stays,
    stop_and_start,
    an_agent_that_breaks,
    what_is_stored,
)
