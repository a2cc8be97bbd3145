"""What goes wrong, when and to whom: decided by the seed before anything starts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.ambush import ambush
from tests.chaos.rig import LATEST_RESTART, Rig
from tests.chaos.scale import Scale

PROCESSES = ("gateway", "gateway-2", "session", "session-2", "agent", "notifier", "notifier-2")
LONGEST_FREEZE = 70.0
TwilioFaults = tuple[tuple[str, dict[str, object]], ...]
DAY, GRACE = 86_400.0, 600.0


@dataclass(frozen=True)
class Plan:
    """How many of each; `twilio` are the simulator's faults with their probabilities."""

    kills: int = 50
    postgres_stops: int = 4
    freezes: int = 15
    link_faults: int = 25
    twilio: TwilioFaults = ()
    frozen: tuple[str, ...] = PROCESSES
    freeze: tuple[float, float] = (1.0, LONGEST_FREEZE)
    """The shortest and the longest, in seconds, scaled."""
    slow_links: tuple[tuple[str, float], ...] = ()
    """Links that delay all that they carry, by seconds that are not scaled."""
    ambushes: int = 0
    """SIGSTOPs of a notifier that has just claimed a text; as long as the others."""
    until_next_claim: bool = False
    """Whether whoever was frozen so comes back as soon as somebody else has claimed that text."""
    send_pause: float = 0.0
    """What notifiers wait between a claim and its send, in seconds that are not scaled; ambushes need it."""
    restores: bool = False
    """Whether the database is put back to an earlier state when load and faults are over."""
    skips: bool = True
    """Whether people's clock is moved: once by a day, once by the grace."""


@dataclass(frozen=True)
class Blow:
    """Something that goes wrong `at` seconds after the start, for `seconds` where it lasts."""

    at: float
    kind: str
    target: str
    seconds: float = 0.0
    delay: float = 0.0


def twilio_faults(scale: Scale) -> TwilioFaults:
    """What the simulated Twilio does wrong, all the time.

    A slow acceptance and a frozen sender together stay below the settle time: what lies beyond it is the hole that
    the documentation names.
    """
    slow = scale.seconds(30)
    return (
        ("rate_limit", {"probability": 0.03}),
        ("error", {"probability": 0.02, "status": 503}),
        ("error", {"probability": 0.03, "status": 500, "accepted": True}),
        ("cut", {"probability": 0.03}),
        ("cut", {"probability": 0.02, "accepted": False}),
        ("slow", {"probability": 0.02, "seconds": slow}),
        ("slow", {"probability": 0.02, "seconds": slow, "accepted": True}),
        ("lose_callback", {"probability": 0.1}),
        ("duplicate_callback", {"probability": 0.1}),
        ("reorder_callbacks", {"probability": 0.1}),
        ("lose_inbound", {"probability": 0.03}),
        ("duplicate_inbound", {"probability": 0.1}),
    )


def blows(plan: Plan, seed: int, seconds: float, scale: Scale) -> list[Blow]:
    """The whole schedule, in order of time. Each service is killed once before any is killed a second time."""
    chance = random.Random(f"blows {seed}")

    def moments(count: int) -> list[float]:
        """One in each of `count` equal parts of the time."""
        return [(0.03 + 0.94 * (n + chance.random()) / count) * seconds for n in range(count)]

    def each_in_turn(names: Sequence[str], count: int) -> list[str]:
        """Nobody a second time before everybody was there once."""
        rounds = -(-count // len(names))
        return [name for _ in range(rounds) for name in chance.sample(names, len(names))][:count]

    found = [
        Blow(at, "kill", name, chance.uniform(0, LATEST_RESTART))
        for at, name in zip(moments(plan.kills), each_in_turn(PROCESSES, plan.kills), strict=True)
    ]
    found += [Blow(at, "stop", "postgresql", chance.uniform(0, 1)) for at in moments(plan.postgres_stops)]
    found += [
        Blow(at, "freeze", name, scale.seconds(chance.uniform(*plan.freeze)))
        for at, name in zip(moments(plan.freezes), each_in_turn(plan.frozen, plan.freezes), strict=True)
    ]
    found += [Blow(at, "ambush", "", scale.seconds(chance.uniform(*plan.freeze))) for at in moments(plan.ambushes)]
    for at in moments(plan.link_faults):
        kind, length = chance.choice(("cut", "delay", "hole")), scale.seconds(chance.uniform(5, 40))
        found.append(Blow(at, kind, "", length, scale.seconds(chance.uniform(0.2, 4))))
    if plan.skips:
        found += [Blow(0.45 * seconds, "skip", "", DAY + 5), Blow(0.6 * seconds, "skip", "", GRACE + 5)]
    return sorted(found, key=lambda blow: blow.at)


def begin(rig: Rig, plan: Plan) -> None:
    """Sets what goes wrong all the time."""
    for kind, how in plan.twilio:
        rig.simulator.add_fault(kind, count=None, **how)  # type: ignore[arg-type]
    for name, delay in plan.slow_links:
        rig.links[name].delay = delay


def end(rig: Rig) -> None:
    """From here on nothing new goes wrong."""
    for link in rig.links.values():
        link.delay = 0.0
    for fault in rig.simulator.world.faults:
        fault.count = 0


async def deal(rig: Rig, plan: Plan, schedule: Sequence[Blow], seed: int) -> None:
    """Deals the blows at their times; returns when all are over and everything runs."""
    chance = random.Random(f"links {seed}")
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for blow in schedule:
            await asyncio.sleep(max(0.0, began + blow.at - asyncio.get_running_loop().time()))
            group.create_task(_deal(rig, plan, blow, chance.choice(sorted(rig.links))))


async def _deal(rig: Rig, plan: Plan, blow: Blow, link_name: str) -> None:
    # Two blows to one process come one after the other.
    while blow.target and not rig.is_whole(blow.target):
        await asyncio.sleep(0.02)
    match blow.kind:
        case "kill":
            await rig.kill(blow.target, blow.seconds)
        case "stop":
            await rig.stop_postgres(blow.seconds)
        case "freeze":
            await rig.freeze(blow.target, blow.seconds)
        case "ambush":
            await ambush(rig, plan.send_pause, blow.seconds, until_next=plan.until_next_claim)
        case "skip":
            await rig.skip(blow.seconds)
        case _:
            await _disturb(rig, blow, link_name)


async def _disturb(rig: Rig, blow: Blow, link_name: str) -> None:
    link = rig.links[link_name]
    rig.tell(blow.kind, f"link to {link_name}", blow.seconds)
    match blow.kind:
        case "cut":
            link.cut()
        case "delay":
            # Several may overlap.
            link.delay += blow.delay
            await asyncio.sleep(blow.seconds)
            link.delay = max(0.0, link.delay - blow.delay)
        case "hole":
            link.open_hole()
            await asyncio.sleep(blow.seconds)
            link.close_hole()
