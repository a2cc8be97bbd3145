"""Tells a task that is being cancelled from one that merely waited for something that was."""

from __future__ import annotations

import asyncio


def is_being_cancelled() -> bool:
    """Whether somebody cancels the current task. If not, a CancelledError caught here came from what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
