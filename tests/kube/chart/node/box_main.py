"""Makes a process a container: its own file tree, network and process ids, a user's rights; then becomes the command.

`python -I box_main.py SPEC.json`, as root; standard library only. SIGTERM reaches the command; its exit code is ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x20000000,
    0x40000000,
)
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "unshare")
    connect(**spec["network"])
    # Last: what runs afterwards could not name the node by its process id.
    check(libc.unshare(CLONE_NEWPID), "unshare")
    child = os.fork()
    if not child:
        build_tree(spec)
        become(spec)
    Path(spec["pid_file"]).write_text(str(child))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: os.kill(child, received))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def connect(node: int, link: str, address: str, router: str) -> None:
    """A cable from here to the node's bridge; whoever has the address next has the same hardware address."""
    hardware = ":".join(["02:00", *(f"{int(part):02x}" for part in address.partition("/")[0].split("."))])
    commands = f"""
        link set lo up
        link add eth0 address {hardware} type veth peer name {link} netns {node}
        addr add {address} dev eth0
        link set eth0 up
    """
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)
    subprocess.run(["nsenter", "-t", str(node), "-n", "ip", "link", "set", link, "master", "br0", "up"], check=True)
    subprocess.run(["ip", "route", "add", "default", "via", router], check=True)


def build_tree(spec: dict[str, Any]) -> None:
    root = Path(spec["root"])
    root.mkdir(parents=True, exist_ok=True)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID, "mode=755")
    for source, path in spec["image"]:
        bind(source, root / path.lstrip("/"), is_read_only=True)
    for path, target in spec["links"]:
        Path(root, path.lstrip("/")).symlink_to(target)
    bind("/dev", root / "dev")
    for source, path, is_read_only in spec["mounts"]:
        bind(source, root / path.lstrip("/"), is_read_only)
    for source, path in spec["image"]:
        # A checkout in /tmp, where pods have a volume.
        if any(path.startswith(f"{over}/") for _, over, _ in spec["mounts"]):
            bind(source, root / path.lstrip("/"), is_read_only=True)
    (root / "proc").mkdir()
    mount("proc", root / "proc", "proc", MS_NOSUID)
    if spec["is_read_only"]:
        mount("none", root, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    os.chroot(root)
    os.chdir("/")


def become(spec: dict[str, Any]) -> None:
    os.setgroups(spec["groups"])
    os.setgid(spec["gid"])
    os.setuid(spec["uid"])
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    # After the change of user, which would clear it.
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    os.umask(0o022)
    environment = spec["environment"]
    try:
        # Not in our own PATH.
        os.environ["PATH"] = environment.get("PATH", "")
        os.execvpe(spec["command"][0], spec["command"], environment)
    except OSError as error:
        print(f"{spec['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def bind(source: str, target: Path, is_read_only: bool = False) -> None:
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, target, None, MS_BIND | MS_REC)
    if is_read_only:
        attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
        path = os.fsencode(target)
        size = ctypes.sizeof(attributes)
        check(libc.syscall(MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, attributes, size), f"read-only {target}")


def mount(source: str, target: str | Path, kind: str | None, flags: int, data: str = "") -> None:
    names = [os.fsencode(source), os.fsencode(target), kind and kind.encode()]
    check(libc.mount(*names, ctypes.c_ulong(flags), data.encode() or None), f"mount {source} at {target}")


def check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
