"""`make bench`: finds the rate that this machine sustains, without and with delivery reports.

`make bench ARGS=timers`: how late the warnings of a million silent sessions are.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import uvloop

from bench import timers
from bench.machine import describe
from bench.stack import Stack, running
from bench.window import Window, measure

RESULTS = Path(__file__).parent / "results"
FIRST_RATE = 200
GROWTH = 1.25
STEP_SECONDS = 8


async def main(options: argparse.Namespace) -> None:
    machine = describe()
    print(f"machine: {machine}")
    async with running() as stack:
        await measure(stack, 50, 3)  # Plans are made and pools are warm before anything counts.
        windows = {"idle": await measure(stack, 5, 6)}
        _print("idle, 5/s", windows["idle"])
        windows["steady"] = await measure(stack, 200, 10)
        _print("steady, 200/s", windows["steady"])
        rate = await _sustained(stack, options, windows, "sustained")
        print(f"sustained_turns_per_second: {rate:.0f}")
        stack.sink.reports = True
        rate = await _sustained(stack, options, windows, "sustained_with_reports")
        print(f"sustained_turns_per_second_with_two_reports: {rate:.0f}")
    _write(machine, windows)


async def _sustained(stack: Stack, options: argparse.Namespace, windows: dict[str, Window], name: str) -> float:
    """The highest rate that held for a whole window: climbs in short steps, then proves it in a long one."""
    rate = options.rate or await _climb(stack)
    while rate >= 10:
        window = windows[name] = await measure(stack, rate, options.seconds)
        _print(f"{name}, {rate:.0f}/s for {options.seconds} s", window)
        if window.sustained:
            return rate
        rate *= 0.9
    return 0.0


async def _climb(stack: Stack) -> float:
    rate, held = float(FIRST_RATE), float(FIRST_RATE) / GROWTH
    while True:
        window = await measure(stack, rate, STEP_SECONDS)
        print(f"  {rate:.0f}/s for {STEP_SECONDS} s: {'held' if window.sustained else 'not held'}")
        if not window.sustained:
            return held
        rate, held = rate * GROWTH, rate


def _print(title: str, window: Window) -> None:
    print(f"{title}: {'held' if window.sustained else 'NOT held'}")
    for name, value in window.figures.items():
        print(f"  {name}: {value}")


def _write(machine: str, windows: dict[str, Window]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}.json"
    figures = {
        name: {"rate": w.rate, "seconds": w.seconds, "sustained": w.sustained, **w.figures}
        for name, w in windows.items()
    }
    path.write_text(json.dumps({"machine": machine, "windows": figures}, indent=2) + "\n")
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=0, help="turns per second to prove; 0 finds the highest")
    parser.add_argument("--seconds", type=float, default=40, help="how long a rate has to hold")
    what = parser.add_subparsers(dest="what")
    silent = what.add_parser("timers", help="sessions that fall due, among many that do not")
    silent.add_argument("--sessions", type=int, default=1_000_000, help="armed sessions")
    silent.add_argument("--due", type=float, default=2000, help="sessions that fall due, per second")
    silent.add_argument("--seconds", type=float, default=30, help="how long they do")
    chosen = parser.parse_args()
    uvloop.run(timers.main(chosen) if chosen.what == "timers" else main(chosen))
