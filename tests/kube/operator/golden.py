"""What `kubectl describe pn` says, kept as files; without what differs from run to run.

`PARLEY_WRITE_GOLDEN=1` writes the files anew instead of comparing.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tests.kube.kubectl import Kubectl

FOLDER = Path(__file__).parent / "golden"
PATIENCE_SECONDS = 20.0
"""Events come a moment after the conditions that they tell of."""
VARIABLE = (
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b(AC|AD|BU|MG|PN)[0-9a-f]{32}\b"), r"\1<sid>"),
    (re.compile(r"(Resource Version: +)[0-9]+"), r"\1<version>"),
    (re.compile(r"(Generation: +)[0-9]+"), r"\1<generation>"),
    (re.compile(r"\btest-[0-9a-f]{12}\b"), "<namespace>"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)
COLUMNS = re.compile(r" {2,}")


async def check_descriptions(kubectl: Kubectl, names: Iterable[str]) -> None:
    """Fails with the description that is not as its file has it."""
    wanted = {name: _kept(name) for name in names}
    if os.environ.get("PARLEY_WRITE_GOLDEN") == "1":
        await asyncio.sleep(0.9)
        for name, text in (await _described(kubectl)).items():
            if name in wanted:
                FOLDER.mkdir(exist_ok=True)
                _file(name).write_text(text)
        return
    found = await _described(kubectl)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(found.get(name) != text for name, text in wanted.items()):
                found = await _described(kubectl)
    except TimeoutError:
        pass
    for name, text in wanted.items():
        assert found.get(name) == text, f"{name} is described otherwise than in {_file(name).name}"


async def _described(kubectl: Kubectl) -> dict[str, str]:
    """By name."""
    blocks = re.split(r"^(?=Name: )", await kubectl("describe", "pn", "--show-events=true"), flags=re.MULTILINE)
    return {block.split(maxsplit=2)[1]: _normal(block) for block in blocks if block.strip()}


def _normal(block: str) -> str:
    for pattern, stands_for in VARIABLE:
        block = pattern.sub(stands_for, block)
    description, _, events = block.strip().partition("\nEvents:")
    told = [COLUMNS.split(line.strip()) for line in events.splitlines()[3:]]
    # Several of one second come in any order. Of a line: type, reason, age, from, message.
    lines = sorted("  ".join([kind, reason, *rest]) for kind, reason, _, *rest in told)
    return "\n".join([description, "Events:", *(f"  {line}" for line in lines)]) + "\n"


def _kept(name: str) -> str:
    return _file(name).read_text() if _file(name).exists() else ""


def _file(name: str) -> Path:
    return FOLDER / f"{name}.txt"
