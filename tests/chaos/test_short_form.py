"""Real processes, killed: more than a hundred threads, every service and PostgreSQL at least once, in a minute."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos import forms
from tests.chaos.checker import check
from tests.chaos.history import read
from tests.chaos.report import describe, tell
from tests.chaos.run import run

SEED, FACTOR = 1, 20.0


@pytest.mark.skipif(not os.environ.get("PARLEY_CHAOS"), reason="set PARLEY_CHAOS=1, or run make chaos")
async def test_nothing_is_lost_or_sent_twice_while_everything_is_killed(tmp_path: Path) -> None:
    options = forms.short(SEED, FACTOR)
    made = await run(options, tmp_path)
    history = read(tmp_path)
    verdicts = check(history)
    said = f"{describe(options)}\n{tell(options, made, history, verdicts)}"
    print(said)
    assert all(verdict.holds for verdict in verdicts), said
    assert len(history.threads) >= 100
    killed = {name.partition(" ")[2].partition("-")[0]: times for name, times in made.counts.items() if "kill " in name}
    assert killed.keys() == {"gateway", "session", "agent", "notifier", "postgresql"}
    assert sum(times for name, times in made.counts.items() if "kill " in name) >= 10
