"""All that can go wrong twice in a purchase, and once in one that is given up: never two numbers, never a lost one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest

from tests.unit.operator.memory_twilio import LATE
from tests.unit.operator.world import KEY, TERMS, World

KILLS = ("killed-before", "killed-after", "late", "unlisted")
MISHAPS = (*KILLS, "lost")
WRITES = 8
"""Requests that change something from the finalizer to the last status, if all goes well; a few more."""
RESYNC = 300.0


def mishaps_at(*places: int) -> Iterator[list[str]]:
    """The fates of all requests, with mishaps of every kind at these places, and nothing else."""
    fates: list[list[str]] = [[]]
    for place in places:
        fates = [[*before, *["done"] * (place - len(before)), mishap] for before in fates for mishap in MISHAPS]
    return iter(fates)


async def settled(world: World) -> None:
    """And looked at once more when whatever was late has come."""
    await world.settle()
    world.now += RESYNC
    await world.settle()


@pytest.mark.long
async def test_no_two_mishaps_buy_a_second_number_or_lose_the_first() -> None:
    assert TERMS.settle > LATE
    tried = 0
    for places in combinations(range(WRITES), 2):
        for fates in mishaps_at(*places):
            world = World(fates=fates)
            await settled(world)
            held = [number.phone_number for number in world.twilio.numbers.values()]
            assert world.twilio.bought == held == [world.resource.status.phone_number], fates
            assert world.condition("Ready") == ("True", "Ready"), fates
            assert list(world.register.numbers) == held, fates
            tried += 1
    print(f"{tried} ways to go wrong twice")


async def test_no_mishap_loses_the_number_of_a_purchase_that_is_given_up() -> None:
    """The resource is deleted in the middle: what was bought is told of, and nobody's texts come any more."""
    for place in range(WRITES):
        for fates in mishaps_at(place):
            world = World(fates=fates)
            await world.live()
            world.cluster.delete()
            await settled(world)
            await world.twilio.list_numbers()  # which shows what was late
            assert KEY not in world.cluster.resources, fates
            assert all(number.sms_url == "" for number in world.twilio.numbers.values()), fates
            assert not world.register.numbers, fates
            assert ("Retained" in world.reasons) == bool(world.twilio.numbers), fates
