"""Reads what the machine says of processes and PostgreSQL: CPU, steal, commits, write-ahead log."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg


def describe() -> str:
    """The machine in one line, so that a figure means something elsewhere."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total // 2**30
    return f"{os.cpu_count()} CPUs ({model}), {memory} GiB, {platform.system()} {platform.release()}"


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all below it, those that have ended included."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass(frozen=True)
class Reading:
    """Everything that grows, at one moment; the difference of two is what a window cost."""

    cpu: Mapping[str, float]
    commits: int
    wal_bytes: int
    stolen: float
    spent: float

    @classmethod
    def take(cls, pids: Mapping[str, int], database_url: str) -> Reading:
        with psycopg.connect(database_url, autocommit=True) as connection:
            commits, wal = connection.execute(
                "SELECT (SELECT sum(xact_commit) FROM pg_stat_database), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
            ).fetchone() or (0, 0)
        times = psutil.cpu_times()
        cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
        return cls(cpu, int(commits), int(wal), getattr(times, "steal", 0.0), sum(times))

    def per_turn(self, before: Reading, turns: int) -> dict[str, object]:
        turns = max(turns, 1)
        cpu = {name: round((self.cpu[name] - before.cpu[name]) * 1000 / turns, 3) for name in self.cpu}
        return {
            "cpu_ms_per_turn": cpu | {"sum": round(sum(cpu.values()), 3)},
            "commits_per_turn": round((self.commits - before.commits) / turns, 2),
            "wal_bytes_per_turn": round((self.wal_bytes - before.wal_bytes) / turns),
            "steal_percent": round(100 * (self.stolen - before.stolen) / max(self.spent - before.spent, 1e-9), 1),
        }


def percentiles(values: list[float]) -> dict[str, float]:
    """Milliseconds at the usual points of `values` in seconds."""
    ordered = sorted(values)
    if not ordered:
        return {}
    points = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(1000 * ordered[min(int(point * len(ordered)), len(ordered) - 1)], 1)
        for name, point in points.items()
    }
