"""helm as a user types it: one release of the chart in one namespace."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.kube.tools import Helm

CHART = Path(__file__).parents[3] / "helm/parley"
PATIENCE_SECONDS = 240.0


class HelmError(Exception):
    """helm said no; its words are the message."""


@dataclass(frozen=True)
class Release:
    """`folder` takes the values and what helm keeps in a home otherwise."""

    helm: Helm
    kubeconfig: Path
    namespace: str
    folder: Path
    name: str = "parley"
    chart: Path = CHART
    flags: Sequence[str] = field(default=("--wait", "--timeout=200s"))

    def of(self, chart: Path) -> Release:
        return replace(self, chart=chart)

    async def install(self, *values: dict[str, Any]) -> str:
        return await self("install", self.name, str(self.chart), *self._files(values), *self.flags)

    async def upgrade(self, *values: dict[str, Any]) -> str:
        return await self("upgrade", self.name, str(self.chart), *self._files(values), *self.flags)

    async def rollback(self) -> str:
        """To the revision before."""
        return await self("rollback", self.name, *self.flags)

    async def uninstall(self) -> str:
        return await self("uninstall", self.name, *self.flags)

    async def manifest(self) -> list[dict[str, Any]]:
        """What the release's present revision consists of, without hooks."""
        return [one for one in yaml.safe_load_all(await self("get", "manifest", self.name)) if one]

    async def __call__(self, *words: str) -> str:
        """What it prints. Raises HelmError unless it ends with 0."""
        home = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        process = await asyncio.create_subprocess_exec(
            self.helm.program, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *words,
            env=os.environ | home, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                out, err = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise HelmError(err.decode().strip() or out.decode().strip())
        return out.decode()

    def _files(self, values: Sequence[dict[str, Any]]) -> list[str]:
        words = []
        for number, content in enumerate(values):
            path = self.folder / f"values-{number}.yaml"
            path.write_text(yaml.safe_dump(content))
            words += ["--values", str(path)]
        return words
