"""kubectl as a user types it, with the words it prints."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path

TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class KubectlError(Exception):
    """kubectl said no; its words are the message."""


@dataclass(frozen=True)
class Kubectl:
    """Called with a command line's words: `await kubectl("get", "pods", "-o", "name")`."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"

    def as_user_of(self, kubeconfig: Path) -> Kubectl:
        return replace(self, kubeconfig=kubeconfig)

    async def __call__(self, *arguments: str, stdin: str = "") -> str:
        """What it prints. Raises KubectlError unless it ends with 0."""
        said = await self.say(*arguments, stdin=stdin)
        if said.code:
            raise KubectlError(said.err.strip() or said.out.strip())
        return said.out

    async def say(self, *arguments: str, stdin: str = "") -> Said:
        """Whatever it prints and however it ends."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            f"--cache-dir={self.kubeconfig.parent / 'kubectl-cache'}",
            *arguments,
            env=os.environ | {"NO_COLOR": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                out, err = await process.communicate(stdin.encode())
        except BaseException:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def apply(self, manifest: str) -> str:
        """`kubectl apply -f` of a YAML text."""
        return await self("apply", "-f", "-", stdin=manifest)

    async def describe(self, kind: str, name: str) -> str:
        return await self("describe", kind, name)
