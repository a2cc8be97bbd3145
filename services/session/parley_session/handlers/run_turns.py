"""Runs claimed turns: calls the agent, holds the lease meanwhile, and hands what became of it to the commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from parley_chassis.errors import Unavailable
from parley_chassis.telemetry import Telemetry
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Absence, Answer, Failure
from parley_session.handlers.commit_turns import TurnResult
from parley_session.ports import AgentAway, AgentFailed, Agents, HistoryItem, ThreadKey, ThreadStore

log = logging.getLogger(__name__)

COMMIT_PAUSE = 0.25
"""Seconds between tries to commit a result while the database is away."""

Commit = Callable[[TurnResult], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Running:
    claimed_at: float
    task: asyncio.Task[None]


class RunTurns:
    """The turns that this process has claimed. `limit` of them run at a time."""

    def __init__(self, store: ThreadStore, agents: Agents, telemetry: Telemetry, *, lease: float, limit: int) -> None:
        self._store = store
        self._agents = agents
        self._telemetry = telemetry
        self._lease = lease
        self._limit = limit
        self._running: dict[tuple[str, int], Running] = {}
        """By turn id and fence: a turn whose lease this process lost may run here twice."""
        self._stopping = False

    @property
    def free_slots(self) -> int:
        return 0 if self._stopping else self._limit - len(self._running)

    def start(self, run: RunTurn, history: Sequence[HistoryItem], commit: Commit) -> None:
        """Takes over a turn that has just been claimed for this process."""
        claim = (run.turn.id, run.turn.fence)
        task = asyncio.get_running_loop().create_task(self._run(run, history, commit))
        self._running[claim] = Running(time.monotonic(), task)
        task.add_done_callback(lambda _: self._running.pop(claim))

    async def renew_leases(self) -> bool:
        """Renews the leases of turns that take long; called a few times within a lease."""
        old = time.monotonic() - self._lease / 4
        claims = [claim for claim, running in self._running.items() if running.claimed_at <= old]
        if claims:
            await self._store.renew_leases(claims, self._lease)
        return False

    async def stop(self, grace: float) -> None:
        """Lets turns finish for `grace` seconds and gives the others back, so that nobody waits for their leases."""
        self._stopping = True
        if self._running:
            _, unfinished = await asyncio.wait(self._tasks, timeout=grace)
            for task in unfinished:
                task.cancel()
        # Those that a commit under way has started meanwhile give themselves back.
        while self._running:
            await asyncio.wait(self._tasks)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [running.task for running in self._running.values()]

    async def _run(self, run: RunTurn, history: Sequence[HistoryItem], commit: Commit) -> None:
        event = Absence(run.turn.id, run.turn.fence) if self._stopping else await self._call(run, history)
        await self._commit(TurnResult(ThreadKey.of(run.thread), event, run.turn.traceparent), commit)

    async def _call(self, run: RunTurn, history: Sequence[HistoryItem]) -> Answer | Failure | Absence:
        turn = run.turn
        try:
            with self._telemetry.span("session.run_turn", turn.traceparent, {"parley.turn_id": turn.id}) as own:
                # What the agent does stands under this span.
                return await self._agents.run_turn(replace(run, turn=replace(turn, traceparent=own)), history)
        except AgentAway:
            return Absence(turn.id, turn.fence)
        except AgentFailed:
            log.warning("turn_failed", extra={"turn_id": turn.id, "attempt": turn.attempt})
            return Failure(turn.id, turn.fence)
        except asyncio.CancelledError:
            # This process stops: somebody else runs the turn, and what the agent may still answer comes too late.
            return Absence(turn.id, turn.fence)
        except Exception:
            log.exception("turn_failed", extra={"turn_id": turn.id, "attempt": turn.attempt})
            return Failure(turn.id, turn.fence)

    async def _commit(self, result: TurnResult, commit: Commit) -> None:
        """Holds on to an answer while the database is away; once the lease is lost, the fence refuses it."""
        give_up = time.monotonic() + 2 * self._lease
        while True:
            try:
                await commit(result)
                return
            except Unavailable:
                if time.monotonic() > give_up:
                    log.warning("result_dropped", extra={"turn_id": result.event.turn_id})
                    return
            except Exception:
                log.exception("commit_failed", extra={"turn_id": result.event.turn_id})
                return
            await asyncio.sleep(COMMIT_PAUSE)
