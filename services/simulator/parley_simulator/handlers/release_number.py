"""Gives a number up: it is the account's no more, in no messaging service, and not for sale again."""

from __future__ import annotations

from parley_simulator.domain.numbers import Number
from parley_simulator.domain.world import World
from parley_simulator.handlers.watch_log import Watch


class ReleaseNumber:
    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch

    def __call__(self, number: Number) -> None:
        world = self._world
        if (service := world.services.of(number.phone_number)) is not None:
            world.services.detach(service, number.phone_number)
        for verification in world.registrations.of_number(number.sid):
            world.registrations.verifications.remove(verification)
        world.numbers.remove(number)
        self._watch.notify()
