"""What the kernel holds a worker to: its own process group, no life after its parent, limited resources.

Refuses to be a security boundary: a worker is of the same user as the service and sees the same files.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

SET_PARENT_DEATH_SIGNAL = 1
SET_CHILD_SUBREAPER = 36


def process_control() -> Callable[[int, int], object]:
    """prctl(option, value), or nothing at all where the kernel is not Linux. Found before a fork, since it is slow."""
    if sys.platform != "linux":
        return lambda _option, _value: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda option, value: prctl(option, value, 0, 0, 0)


def die_with(parent: int, control: Callable[[int, int], object], number: signal.Signals = signal.SIGKILL) -> None:
    """Has the kernel send `number` to this process when process `parent` is gone; ends it now if that is so already."""
    control(SET_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(files: int, memory: int) -> None:
    """`files` open at a time; `memory` in bytes of address space, 0 for no limit. Never writes a core file."""
    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: files}
    if memory:
        wanted[resource.RLIMIT_AS] = memory
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
