"""`make chaos`: kills everything, again and again, and lets a checker judge what became of every text.

`make chaos ARGS=--controls`: the same with one guard removed at a time; the checker must see each.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

import uvloop

from tests.chaos import forms
from tests.chaos.checker import Verdict, check
from tests.chaos.history import read
from tests.chaos.report import broken, describe, table_row, tell
from tests.chaos.run import Options, run
from tests.chaos.scale import Scale

TRIES = 3


def main() -> int:
    # A process that starts others while gRPC is at work would run gRPC's preparations for a fork.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    arguments = _arguments()
    if arguments.controls:
        return _controls(arguments)
    options = _options(arguments)
    print(describe(options), flush=True)
    verdicts = _judge(options, keep=arguments.keep)
    if broken(verdicts):
        print(f"BROKEN: {', '.join(broken(verdicts))}; repeat it with --seed {options.seed}")
    return 1 if broken(verdicts) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs of services; other faults go with them")
    parser.add_argument("--seed", type=int, default=1, help="decides load and faults")
    parser.add_argument("--scale", type=float, default=20.0, help="what the protocol's durations are divided by")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long load and faults last; 0: as they need")
    parser.add_argument("--short", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--long", action="store_true", help="10,000 conversations and 500 SIGKILLs")
    parser.add_argument("--keep", action="store_true", help="leave histories and logs also of a run that passes")
    parser.add_argument(
        "--controls", nargs="*", metavar="NAME", help="remove each guard, or those named, and expect failure"
    )
    parser.add_argument("--guarded", action="store_true", help="with --controls: leave the guards, and expect success")
    arguments = parser.parse_args()
    if unknown := set(arguments.controls or ()) - set(forms.CONTROLS):
        parser.error(f"--controls: no such control: {', '.join(sorted(unknown))}; use {', '.join(forms.CONTROLS)}")
    if arguments.controls is not None and not arguments.controls:
        arguments.controls = list(forms.CONTROLS)
    return arguments


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.short:
        return forms.short(arguments.seed, arguments.scale)
    conversations, kills = arguments.conversations, arguments.kills
    if arguments.long:
        conversations, kills = forms.LONG_CONVERSATIONS, forms.LONG_KILLS
    return forms.whole(conversations, kills, arguments.seed, Scale(arguments.scale), arguments.seconds)


def _judge(options: Options, *, keep: bool) -> list[Verdict]:
    folder = Path(mkdtemp(prefix="parley-chaos-"))
    made = uvloop.run(run(options, folder, functools.partial(print, flush=True)))
    history = read(folder)
    verdicts = check(history)
    print(tell(options, made, history, verdicts))
    print(f"as a row of docs/proof.md: {table_row(made, history, verdicts)} |")
    if keep or (broken(verdicts) and not options.control):
        print(f"histories and logs: {folder}", flush=True)
    else:
        shutil.rmtree(folder)
    return verdicts


def _controls(arguments: argparse.Namespace) -> int:
    failed = [name for name in arguments.controls if not _try(name, arguments)]
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def _try(name: str, arguments: argparse.Namespace) -> bool:
    """Whether the guard's absence is seen within TRIES runs; with --guarded, whether nothing breaks in its presence."""
    for n in range(1 if arguments.guarded else TRIES):
        print(f"---- {'with' if arguments.guarded else 'without'} {name}, run {n + 1}", flush=True)
        options = forms.control(name, arguments.seed + n, arguments.scale, removed=not arguments.guarded)
        found = broken(_judge(options, keep=arguments.keep))
        if arguments.guarded:
            print(f"control {name}: with its guard {', '.join(found) or 'nothing'} broke", flush=True)
            return not found
        if forms.seen_by(name) & set(found):
            print(f"control {name}: seen in run {n + 1} by {', '.join(found)}", flush=True)
            return True
    print(f"control {name}: NOT SEEN in {TRIES} runs", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
