"""What went wrong in an agent's code, as its author wants to read it: their files and lines, and none of ours."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from parley_agent.domain.state_codec import StateError
from parley_agent.domain.texts import UnusableReturn


def describe(error: BaseException, directory: Path) -> list[str]:
    """Lines: each frame in the agent's folder with its source, outermost first, then what was raised."""
    own = os.path.realpath(directory) + os.sep
    lines: list[str] = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = os.path.realpath(frame.filename)
        if path.startswith(own):
            lines.append(f"{path.removeprefix(own)}:{frame.lineno} in {frame.name}")
            if frame.line:
                lines.append(f"    {frame.line}")
    return [*lines, _sentence(error)]


def _sentence(error: BaseException) -> str:
    if isinstance(error, UnusableReturn):
        return f"the agent {error}"
    if isinstance(error, StateError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
