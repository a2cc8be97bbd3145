"""POST Messages.json: judges the request and accepts the message."""

from __future__ import annotations

from dataclasses import replace

from parley_simulator.domain.creation import Draft, judge
from parley_simulator.domain.form import Form
from parley_simulator.domain.messages import Message
from parley_simulator.domain.refusals import Refusal
from parley_simulator.domain.world import World
from parley_simulator.handlers.accept_outbound import AcceptOutbound
from parley_simulator.ports import Clock


class CreateMessage:
    def __init__(self, world: World, clock: Clock, accept: AcceptOutbound) -> None:
        self._world = world
        self._clock = clock
        self._accept = accept

    def __call__(self, form: Form, token: str) -> Message:
        """Raises Refusal; then nothing has happened."""
        world = self._world
        draft = self._carried(judge(form, world.numbers, world.services, world.opt_outs))
        limits = world.limits
        if limits.segments_per_second > 0 and world.queues.wait(draft.from_, self._clock()) > limits.queue_seconds:
            raise Refusal(
                21611, f"This 'From' number {draft.from_} has exceeded the maximum number of queued messages."
            )
        return self._accept(draft, token=token)

    def _carried(self, draft: Draft) -> Draft:
        """With what US carriers will do to it, where they check."""
        world, number = self._world, self._world.numbers.find(draft.from_)
        if not world.standing.carriers_check or draft.late_block is not None or number is None:
            return draft
        service = world.services.of(draft.from_)
        return replace(
            draft, late_block=world.registrations.hindrance(number, service.sid if service else "", draft.to)
        )
