"""Opens sessions with texts of ours (session rule S4): finds the number to send from, then asks its thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from parley_session.domain.decide import Refused
from parley_session.domain.effects import Done
from parley_session.domain.events import StartSession
from parley_session.domain.numbering import choose_sender
from parley_session.domain.thread import SMS
from parley_session.handlers.take_requests import CONFLICT, NO_NUMBER, Asked, Taken
from parley_session.ports import SenderWanted, ThreadKey, ThreadStore


@dataclass(frozen=True, slots=True)
class Opening:
    wanted: SenderWanted = field(repr=False)
    command: StartSession


class StartSessions:
    """Takes a batch; returns what became of each."""

    def __init__(self, store: ThreadStore, ask: Callable[[Asked], Awaitable[Taken]]) -> None:
        self._store = store
        self._ask = ask

    async def __call__(self, openings: Sequence[Opening]) -> list[Awaitable[Taken] | Done | Refused]:
        # A request that was made before keeps its number, whatever would be chosen now.
        known = await self._store.find_requests([opening.command.request.id for opening in openings])
        senders = await self._store.find_senders([opening.wanted for opening in openings])
        results: list[Awaitable[Taken] | Done | Refused] = []
        for opening, candidates in zip(openings, senders, strict=True):
            request = opening.command.request
            sender = choose_sender(candidates, opening.wanted.participant)
            if done := known.get(request.id):
                results.append(done if done.request == request else Refused(CONFLICT))
            elif sender is None:
                results.append(Refused(NO_NUMBER))
            else:
                key = ThreadKey(SMS, sender, opening.wanted.participant)
                results.append(self._ask(Asked(key, opening.command)))
        return results
