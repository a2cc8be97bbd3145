"""One container as a process of this machine: it sees an image's files and its mounts, its own network and itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[4]
ENVIRONMENT = Path(sys.prefix)
MAIN = Path(__file__).with_name("box_main.py")
LOG_LINES = 30
KILLED = 137

ESTABLISHED, LISTENING = "01", "0A"


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine at a path of the container's."""

    source: str
    path: str
    is_read_only: bool = True


@dataclass(frozen=True)
class Rights:
    """Whose rights the command has, as a securityContext says it."""

    uid: int = 65532
    gid: int = 65532
    groups: tuple[int, ...] = ()
    is_read_only: bool = False
    """The container's own files."""


@dataclass(frozen=True)
class Plug:
    """Its place in the network."""

    node: int
    link: str
    address: str
    router: str


@dataclass(frozen=True)
class Image:
    """Stands for the images of the Dockerfile: Python with Parley, and what every base image has under /etc.

    `folder` is for the files under /etc, `authority` is the certificate that the world's web servers are believed by.
    """

    folder: Path
    authority: bytes

    def files(self) -> list[tuple[str, str]]:
        """(path of this machine, path in the container)."""
        places = [Path("/usr"), Path(sys.base_prefix), ENVIRONMENT]
        places += [CHECKOUT / name for name in ("services", "operator", "protos")]
        places += [Path(name) for name in TOP if Path(name).is_dir() and not Path(name).is_symlink()]
        places += [path for path in [Path("/etc/ld.so.cache")] if path.exists()]
        etc = [(str(self._write(name, text)), f"/etc/{name}") for name, text in ETC.items()]
        authorities = (str(self._write("ca-certificates.crt", self.authority.decode())), AUTHORITIES)
        return [*((str(place), str(place)) for place in places), *etc, authorities]

    def links(self) -> list[tuple[str, str]]:
        return [(name, os.readlink(name)) for name in TOP if Path(name).is_symlink()]

    def environment(self) -> dict[str, str]:
        path = f"{ENVIRONMENT / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "SSL_CERT_FILE": AUTHORITIES, "PYTHONDONTWRITEBYTECODE": "1"}

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.write_text(text)
        return path


TOP = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
ETC = {
    "passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\nparley:x:65532:65532::/:/usr/sbin/nologin\n",
    "group": "root:x:0:\nparley:x:65532:\n",
    # Names are those of the cluster, and nobody else is asked.
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}


@dataclass
class Box:
    """`folder` takes the description and the log; `environment` is all that it is told, beside the image's."""

    folder: Path
    image: Image
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    mounts: Sequence[Mount]
    plug: Plug
    rights: Rights = Rights()
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def code(self) -> int | None:
        """As a shell tells how it ended; None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def full_environment(self) -> dict[str, str]:
        return {**self.image.environment(), **self.environment}

    def tail(self) -> str:
        return "\n".join(self.log.splitlines()[-LOG_LINES:])

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "pid").unlink(missing_ok=True)
        spec = self.folder / "spec.json"
        spec.touch(mode=0o600)
        spec.write_text(json.dumps(self._spec()))
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", sys.executable, "-I", MAIN, spec),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _spec(self) -> dict[str, Any]:
        own = asdict(self.rights)
        return {
            **own,
            "root": str(self.folder / "root"),
            "pid_file": str(self.folder / "pid"),
            "image": self.image.files(),
            "links": self.image.links(),
            "mounts": [(mount.source, mount.path, mount.is_read_only) for mount in self.mounts],
            "network": asdict(self.plug),
            "command": list(self.command),
            "environment": self.full_environment,
        }

    async def wait(self) -> int:
        assert self._process
        return await self._process.wait()

    async def execute(self, command: Sequence[str], timeout: float) -> tuple[int, str]:
        """`kubectl exec`: how the command ended and what it printed. Raises TimeoutError."""
        pid = (self.folder / "pid").read_text()
        enter = [shutil.which("nsenter") or "nsenter", "-t", pid, "-m", "-n", "-p", "-i", "-u", "-r", "-w"]
        user = ["-S", str(self.rights.uid), "-G", str(self.rights.gid)]
        process = await asyncio.create_subprocess_exec(
            *enter, *user, *command,
            env=self.full_environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                said, _ = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, said.decode(errors="replace")

    def connections(self) -> list[tuple[str, int]]:
        """Address and port of everything that it has called and is connected with."""
        pid = (self.folder / "pid").read_text()
        tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        own = {_place(row[1])[1] for row in rows if row[3] == LISTENING}
        places = [(_place(row[1]), _place(row[2])) for row in rows if row[3] == ESTABLISHED]
        return sorted({far for near, far in places if near[1] not in own and not far[0].startswith("127.")})

    async def stop(self, grace: float) -> int:
        """SIGTERM, and SIGKILL after `grace` seconds; how it ended."""
        assert self._process
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(grace):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
                return KILLED
        return self._process.returncode or 0

    async def kill(self) -> None:
        """With everything that it has begun: its process ids end with its first."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


def _place(text: str) -> tuple[str, int]:
    """Address and port as the kernel writes them: `0100007F:1F90`, behind more zeros where IPv6 carries IPv4."""
    address, _, port = text.partition(":")
    return ".".join(str(part) for part in reversed(bytes.fromhex(address[-8:]))), int(port, 16)
