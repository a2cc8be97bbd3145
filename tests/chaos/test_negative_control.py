"""The rig sees what it is there to see: without a guard it fails. Here one, quickly; `make chaos` tries each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import forms
from tests.chaos.checker import check
from tests.chaos.history import read
from tests.chaos.report import broken
from tests.chaos.run import run


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_session_service_that_takes_texts_twice_is_seen(tmp_path: Path) -> None:
    options = forms.control("dedupe", 1, 20.0)
    await run(replace(options, conversations=12, seconds=2.0, plan=replace(options.plan, kills=0)), tmp_path)
    assert forms.seen_by("dedupe") & set(broken(check(read(tmp_path))))
