"""Real processes, killed: more than a hundred threads, every service and PostgreSQL at least once, in a minute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import forms
from tests.chaos.checker import check
from tests.chaos.history import read
from tests.chaos.report import describe, tell
from tests.chaos.run import run

SEED, FACTOR = 1, 20.0
BUSY = 120.0
"""Seconds that a machine which runs other tests as well may take to drain; nothing else is allowed for."""


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_sent_twice_while_everything_is_killed(tmp_path: Path) -> None:
    form = forms.short(SEED, FACTOR)
    options = replace(form, scale=replace(form.scale, allowance=BUSY))
    made = await run(options, tmp_path)
    history = read(tmp_path)
    verdicts = check(history)
    said = f"{describe(options)}\n{tell(options, made, history, verdicts)}"
    print(said)
    assert all(verdict.holds for verdict in verdicts), said
    assert len(history.threads) >= 100
    killed = {name.partition(" ")[2].partition("-")[0] for name in made.counts if name.startswith("kill ")}
    assert killed == {"gateway", "session", "agent", "notifier", "postgresql"}
    assert sum(times for name, times in made.counts.items() if name.startswith("kill ")) >= 10
