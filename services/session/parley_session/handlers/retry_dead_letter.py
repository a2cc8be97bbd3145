"""Sends the text of a dead letter again: once, however often that is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from parley_session.dead_letter_ports import DeadLetterStore
from parley_session.domain.decide import Refused
from parley_session.domain.events import Request, RetryMessage
from parley_session.errors import DeadLetterNotFound, refusal
from parley_session.handlers.take_requests import Asked, Taken
from parley_session.ports import ThreadKey


class RetryDeadLetter:
    def __init__(self, letters: DeadLetterStore, ask: Callable[[Asked], Awaitable[Taken]]) -> None:
        self._letters = letters
        self._ask = ask

    async def __call__(self, message_id: str) -> str:
        """The id of the new message. Raises DeadLetterNotFound, or what the rules have against sending."""
        letter = await self._letters.get_dead_letter(message_id)
        if letter is None:
            raise DeadLetterNotFound
        if letter.retry_id:
            return letter.retry_id
        # The letter is the request: who asks again, also after a crash in between, gets the same message.
        made = Request(f"dead-letter:{message_id}", message_id)
        command = RetryMessage(made, letter.message.text, at_most_once=letter.at_most_once)
        taken = await self._ask(Asked(ThreadKey(letter.channel, letter.endpoint, letter.participant), command))
        if isinstance(taken, Refused):
            raise refusal(taken.reason)
        assert taken is not None
        await self._letters.settle_dead_letter(message_id, taken.message_id)
        return taken.message_id
