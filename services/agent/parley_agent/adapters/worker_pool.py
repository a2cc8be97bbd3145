"""The workers of one version of an agent: gives each turn a worker, and ends the worker that is late.

A turn waits for a worker, in order of arrival, for at most half of its time; what has not begun by then never
begins. A worker that dies fails its turn and is replaced at once; so is the zygote, with all of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from parley_agent.adapters.agent_directory import AgentOnDisk
from parley_agent.adapters.worker import Call, Worker, WorkerEvents
from parley_agent.adapters.zygote_process import Confinement, Watcher, ZygoteProcess
from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.turn import Ran, Turn
from parley_agent.errors import AgentAway, AgentFailed, AgentFull, TurnTimedOut
from parley_agent.sandbox.frames import packed
from parley_chassis.errors import ParleyError

log = logging.getLogger(__name__)

KILL_TIMEOUT = 5.0
"""Seconds for a killed worker to be gone; after that its zygote is no good either."""
LONGEST_PAUSE = 10.0
STEADY = 30.0
"""Seconds after which a zygote that ends is restarted without a pause."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    workers: int
    queue: int = 1000
    """Turns that may wait."""
    calls: int = 10_000
    """Turns after which a worker is replaced, so that what its code leaks does not grow for ever."""


class WorkerPool:
    """Serves `ports.Workers` between `open`, which raises InvalidAgent, and `close`, which ends what is under way."""

    def __init__(self, agent: AgentOnDisk, limits: PoolLimits, confinement: Confinement) -> None:
        self._agent = agent
        self._limits = limits
        self._confinement = confinement
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._workers: dict[int, Worker | None] = {}
        """By number; None until its connection stands."""
        self._idle: list[Worker] = []
        self._queue: deque[Call] = deque()
        self._dying: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._zygote: ZygoteProcess | None = None
        self._opened_at = 0.0
        self._pause = 0.0
        self._away = False
        self._draining = False
        self._drained = asyncio.Event()

    async def open(self) -> None:
        zygote = ZygoteProcess(self._agent, Watcher(exited=self._exited, lost=self._lost))
        await zygote.start(self._confinement)
        self._zygote, self._away = zygote, False
        self._opened_at = self._loop.time()
        for _ in range(self._limits.workers):
            self._spawn()

    async def drain(self) -> None:
        """Refuses further turns and returns when those that it has are over."""
        self._draining = True
        if self._is_busy:
            await self._drained.wait()

    async def close(self) -> None:
        self._draining = True
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for timer in self._dying.values():
            timer.cancel()
        for worker in self._workers.values():
            if worker is not None:
                worker.leave()
        self._workers.clear()
        if self._zygote is not None:
            await self._zygote.stop()

    def run(self, turn: Turn, timeout: float) -> asyncio.Future[Ran]:
        if self._away or self._draining:
            raise AgentAway("the agent's process is restarting: try again")
        if len(self._queue) >= self._limits.queue:
            raise AgentFull(f"{self._limits.queue} turns wait for this agent already: try again later")
        now = self._loop.time()
        number = next(self._numbers)
        call = Call(number, turn, packed([number, turn.__dict__]), now + timeout, self._loop.create_future())
        if self._idle:
            self._begin(self._idle.pop(), call)
        else:
            self._queue.append(call)
            call.timer = self._loop.call_at(now + timeout / 2, self._give_up, call)
        return call.future

    # --- a worker's turn -------------------------------------------------------------------------------------------

    def _begin(self, worker: Worker, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        call.timer = self._loop.call_at(call.deadline, self._expire, worker, call)
        worker.begin(call)

    def _answered(self, worker: Worker, body: bytes) -> None:
        call = worker.call
        assert call is not None
        answer = _read_answer(body, call.number)
        if answer is None:
            # What comes after it could be taken for the answer to another turn.
            self._gone(worker)
            return
        assert call.timer is not None
        call.timer.cancel()
        worker.call = None
        if worker.calls < self._limits.calls:
            self._free(worker)
        else:
            self._remove(worker)
            self._spawn()
        if isinstance(answer, AgentFailed):
            self._fail(call, answer)
        elif not call.future.done():
            call.future.set_result(answer)
        self._note_drained()

    def _free(self, worker: Worker) -> None:
        while self._queue:
            call = self._queue.popleft()
            # A caller that has gone, or a turn that has waited too long, leaves its place in the queue behind.
            if not call.future.done():
                self._begin(worker, call)
                return
            if call.timer is not None:
                call.timer.cancel()
        self._idle.append(worker)

    def _give_up(self, call: Call) -> None:
        self._queue.remove(call)
        self._fail(call, AgentFull("no worker was free for half of the turn's time: try again later"))
        self._note_drained()

    def _expire(self, worker: Worker, call: Call) -> None:
        worker.call = None
        self._fail(call, TurnTimedOut("the turn took longer than its timeout; its worker was ended"))
        self._dying[worker.number] = self._loop.call_later(KILL_TIMEOUT, self._distrust_zygote)
        if self._zygote is not None:
            self._zygote.kill(worker.number)
        self._remove(worker)
        self._spawn()
        self._note_drained()

    def _fail(self, call: Call, error: ParleyError) -> None:
        if call.timer is not None:
            call.timer.cancel()
        if not call.future.done():
            call.future.set_exception(error)
            # A caller that has gone does not read it; that is no fault to report.
            call.future.exception()
        frames = error.frames if isinstance(error, AgentFailed) else []
        fields = {"agent": self._agent.profile.name, "turn_id": call.turn.turn_id, "session_id": call.turn.session_id}
        log.warning("turn_failed", extra={**fields, "reason": error.error_reason, "what": error.message, "at": frames})

    # --- the workers' lives ----------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        if self._zygote is None:
            return
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        self._workers[number] = None
        self._zygote.fork(number, theirs)
        theirs.close()
        task = self._loop.create_task(self._connect(number, ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, number: int, connection: socket.socket) -> None:
        events = WorkerEvents(ready=self._ready, answered=self._answered, gone=self._gone)
        connection.setblocking(False)
        try:
            await self._loop.create_unix_connection(lambda: Worker(number, events), sock=connection)
        except asyncio.CancelledError:
            connection.close()
            raise

    def _ready(self, worker: Worker) -> None:
        if worker.number in self._workers:
            self._workers[worker.number] = worker
            self._free(worker)
        else:
            worker.leave()

    def _exited(self, number: int) -> None:
        if (timer := self._dying.pop(number, None)) is not None:
            timer.cancel()
        if number in self._workers:
            self._replace(number)

    def _gone(self, worker: Worker) -> None:
        if worker.number in self._workers:
            if self._zygote is not None:
                # Its connection is of no more use, so neither is it; it may be alive.
                self._zygote.kill(worker.number)
            self._replace(worker.number)

    def _replace(self, number: int) -> None:
        worker = self._workers.pop(number)
        self._spawn()
        if worker is None:
            return
        call, worker.call = worker.call, None
        self._remove(worker)
        if call is not None:
            self._fail(
                call, AgentFailed("the agent's code ended its worker, or its connection, in the middle of the turn")
            )
            self._note_drained()

    def _remove(self, worker: Worker) -> None:
        self._workers.pop(worker.number, None)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.leave()

    # --- the zygote's life -----------------------------------------------------------------------------------------

    def _distrust_zygote(self) -> None:
        log.error("zygote_stuck", extra={"agent": self._agent.profile.name})
        if self._zygote is not None:
            self._zygote.end()

    def _lost(self) -> None:
        log.error("zygote_lost", extra={"agent": self._agent.profile.name})
        lost, self._zygote = self._zygote, None
        for timer in self._dying.values():
            timer.cancel()
        self._dying.clear()
        for number in list(self._workers):
            self._replace(number)
        task = self._loop.create_task(self._restart(lost))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _restart(self, lost: ZygoteProcess | None) -> None:
        if lost is not None:
            await lost.stop()
        if self._loop.time() - self._opened_at > STEADY:
            self._pause = 0.0
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2 or 0.1, LONGEST_PAUSE)
            try:
                await self.open()
                return
            except InvalidAgent as error:
                log.error("agent_refused", extra={"agent": self._agent.profile.name, "problems": error.problems})
            self._away = True
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        waiting, self._queue = self._queue, deque()
        for call in waiting:
            if not call.future.done():
                self._fail(call, AgentAway("the agent's code cannot be started: see the agent service's log"))
        self._note_drained()

    @property
    def _is_busy(self) -> bool:
        return bool(self._queue) or any(worker is not None and worker.call for worker in self._workers.values())

    def _note_drained(self) -> None:
        if self._draining and not self._is_busy:
            self._drained.set()


def _read_answer(body: bytes, number: int) -> Ran | AgentFailed | None:
    """What a worker answered to call `number`; None when the agent's code has written into the connection itself."""
    try:
        match json.loads(body):
            case [
                int(given),
                {"replies": list(replies), "state": str(state), "hang_up": bool(hang_up), "hand_off": hand_off},
            ] if given == number and all(type(reply) is str for reply in replies):
                return Ran(replies, state, hang_up, _read_hand_off(hand_off))
            case [int(given), {"what": str(what), "frames": list(frames)}] if given == number:
                return AgentFailed(what, frames)
    except (ValueError, RecursionError):
        pass
    return None


def _read_hand_off(given: object) -> HandOff | None:
    """Raises ValueError for what no worker sends."""
    match given:
        case None:
            return None
        case [str(destination), str(reason)]:
            return HandOff(destination, reason)
    raise ValueError
