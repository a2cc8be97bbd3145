"""POST IncomingPhoneNumbers.json: judges the purchase, and the number is the account's from here on."""

from __future__ import annotations

from parley_simulator.domain.form import Form
from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.purchases import change, check_standing, choose
from parley_simulator.domain.world import World
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Ids


class BuyNumber:
    def __init__(self, world: World, clock: Clock, ids: Ids, watch: Watch) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._watch = watch

    def __call__(self, form: Form, wanted: NumberType | None = None) -> Number:
        """`wanted` where the path names a type. Raises Refusal; then nothing was bought."""
        world, now = self._world, self._clock()
        owned = world.numbers.find(form.get("PhoneNumber"))
        if owned is not None and world.standing.owned_again:
            change(owned, form, world.papers, now)
            return owned
        listed = world.inventory.find(form.get("PhoneNumber"))
        if listed is not None and listed.stale:
            # Whoever searches after this refusal does not find it again.
            world.inventory.take(listed.phone_number)
        offer = choose(form, wanted, world.inventory, world.numbers)
        check_standing(offer, world.standing, world.numbers)
        number = Number(
            sid=f"PN{self._ids()}",
            phone_number=offer.phone_number,
            created=now,
            updated=now,
            country=offer.country,
            type=offer.type,
            terms=offer.terms,
        )
        change(number, form, world.papers, now, bought=True)
        world.inventory.take(number.phone_number)
        world.numbers.add(number)
        self._watch.notify()
        return number
