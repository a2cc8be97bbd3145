"""`python -m tests.fuzz`: every target for some seconds, by a seed that is printed. Exit code 1: there were finds."""

from __future__ import annotations

import argparse
import logging
import random
import sys

import uvloop

from tests.fuzz.door import OVER_SOCKETS, door
from tests.fuzz.finding import Finds, fuzz
from tests.fuzz.mutations import Mutations
from tests.fuzz.targets import TARGETS, Subjects

NAMES = (*TARGETS, *OVER_SOCKETS)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each target (default: 30)")
    parser.add_argument("--executions", type=int, default=0, help="of each target at least, however long it takes")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeats a run")
    parser.add_argument("--target", choices=NAMES, action="append", help="only this; may be repeated")
    given = parser.parse_args(arguments)
    # What it refuses, the gateway tells of, and would do so between the lines.
    logging.getLogger().addHandler(logging.NullHandler())
    print(f"seed {given.seed}: make fuzz ARGS='--seed {given.seed}' repeats this run")
    total: list[Finds] = []
    for name in given.target or NAMES:
        found = run(name, given.seed, given.seconds, given.executions)
        total.append(found)
        print(found, *(f"  {find}" for find in found.finds), sep="\n", flush=True)
    finds = sum(len(found.finds) for found in total)
    print(f"{sum(found.executions for found in total):,} executions, {finds} finds, seed {given.seed}")
    return 1 if finds else 0


def run(name: str, seed: int, seconds: float, executions: int) -> Finds:
    mutations = Mutations(seed)
    if name in TARGETS:
        return fuzz(name, TARGETS[name](Subjects(), mutations), seconds=seconds, executions=executions)

    async def over_sockets() -> Finds:
        async with door() as opened:
            return await OVER_SOCKETS[name](opened, mutations, seconds=seconds, executions=executions)

    return uvloop.run(over_sockets())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
