"""Takes what callers ask of a thread's session: open one, write in it, hand it over, resume it, end it (S4, S11).

A request with an id has one effect, however often it is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from parley_session.domain.decide import Refused, decide
from parley_session.domain.effects import Decision, Done
from parley_session.domain.events import Command, Context, RetryMessage, SendMessage, StartSession
from parley_session.handlers.follow_up import FollowUp
from parley_session.ports import Gathered, RequestTaken, ThreadKey, ThreadStore

log = logging.getLogger(__name__)

CONFLICT = "REQUEST_CONFLICT"
NO_NUMBER = "NO_NUMBER"
BACKLOG = "BACKLOG"


@dataclass(frozen=True, slots=True)
class Asked:
    key: ThreadKey = field(repr=False)
    command: Command


Taken = Done | Refused | None
"""What the request has brought about, or why it was refused; None where there is nothing to tell."""


class TakeRequests:
    """Takes a batch; a thread's requests are taken in order, one after the other.

    `held_up` says which numbers have more to send than they get sent.
    """

    def __init__(
        self,
        store: ThreadStore,
        context: Callable[[Gathered], Context],
        follow_up: FollowUp,
        held_up: Callable[[str], bool] = lambda number: False,
    ) -> None:
        self._held_up = held_up
        self._store = store
        self._context = context
        self._follow_up = follow_up

    async def __call__(self, items: Sequence[Asked]) -> list[Taken]:
        results: dict[int, Taken] = {}
        waiting = dict(enumerate(items))
        while waiting:
            first = _independent(waiting)
            # Another process may have taken one of them meanwhile, for a thread that we have not locked: then it is
            # known from now on.
            with suppress(RequestTaken):
                results.update(await self._take({index: waiting[index] for index in first}))
                for index in first:
                    del waiting[index]
        return [results[index] for index in range(len(items))]

    async def _take(self, items: Mapping[int, Asked]) -> dict[int, Taken]:
        new = [item.key for item in items.values() if isinstance(item.command, StartSession)]
        if new:
            await self._store.create_threads(sorted(new))
        ids = [command.request.id for item in items.values() if isinstance(command := item.command, _Identified)]
        async with self._store.batch() as batch:
            gathered = await batch.gather([item.key for item in items.values()], request_ids=ids)
            decisions: list[Decision] = []
            results = {index: self._decide(item, gathered, decisions) for index, item in items.items()}
            committed = await batch.commit(decisions) if decisions else None
        if committed:
            self._follow_up(decisions, committed)
        return results

    def _decide(self, item: Asked, gathered: Gathered, decisions: list[Decision]) -> Taken:
        command, thread = item.command, gathered.threads.get(item.key)
        if isinstance(command, _Identified) and (known := gathered.requests.get(command.request.id)):
            return known if known.request == command.request else Refused(CONFLICT)
        if thread is None:
            return Refused(NO_NUMBER)
        if isinstance(command, _Identified) and self._held_up(thread.endpoint):
            return Refused(BACKLOG)
        try:
            decision = decide(thread, [command], self._context(gathered))
        except Refused as refused:
            return refused
        if decision.thread is not thread:
            decisions.append(decision)
        return decision.done[0] if decision.done else None


_Identified = StartSession | SendMessage | RetryMessage


def _independent(waiting: Mapping[int, Asked]) -> list[int]:
    """The first of each thread and of each request: what the others find is what these have left."""
    seen: set[ThreadKey | str] = set()
    found = []
    for index, item in waiting.items():
        names: set[ThreadKey | str] = {item.key}
        if isinstance(item.command, _Identified):
            names.add(item.command.request.id)
        if not names & seen:
            found.append(index)
        seen |= names
    return found
