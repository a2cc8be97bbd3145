"""Has a message sent again that did not reach its participant, or has it dropped. Each may be repeated."""

from __future__ import annotations

from parley_chassis.errors import NotFound
from parley_gateway.domain.caller import Caller
from parley_gateway.ports import DeadLetters


class SettleDeadLetter:
    """Both raise NotFound, also for a letter of another agent; `retry` also FailedPrecondition, after an opt-out."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def retry(self, caller: Caller, message_id: str) -> str:
        """The id of the new message."""
        await self._require(caller, message_id)
        return await self._letters.retry_dead_letter(message_id)

    async def drop(self, caller: Caller, message_id: str) -> None:
        await self._require(caller, message_id)
        await self._letters.drop_dead_letter(message_id)

    async def _require(self, caller: Caller, message_id: str) -> None:
        if caller.is_restricted:
            letter = await self._letters.get_dead_letter(message_id)
            if not caller.sees(letter.agent):
                raise NotFound("no dead letter has this message_id", reason="DEAD_LETTER_NOT_FOUND")
