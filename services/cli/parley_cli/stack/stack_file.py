"""Where a running stack tells other commands its addresses: one file per user, readable by that user only."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from parley_cli.stack.webhooks import Webhooks


class NoStack(Exception):
    """No stack runs that commands could talk to."""


class NoPhone(Exception):
    """The stack texts through Twilio itself: there is no simulated phone."""


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Everything another program needs to use a running stack. URLs, or host:port for gRPC.

    `control`, `phone`, `number` and `http_key`, a key of the HTTP API, are empty where Twilio is not simulated.
    `agents` is the folder of agents.
    """

    gateway: str
    session: str
    agent: str
    notifier: str
    twilio: str
    control: str
    phone: str
    database_url: str = field(repr=False)
    account_sid: str
    auth_token: str = field(repr=False)
    number: str
    api_key: str = field(repr=False)
    public_url: str
    agents: str
    http_key: str = field(default="", repr=False)

    @property
    def is_simulated(self) -> bool:
        return bool(self.control)

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.public_url)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def stack_file() -> Path:
    """PARLEY_STACK_FILE, or a file of this user's own."""
    if named := os.environ.get("PARLEY_STACK_FILE"):
        return Path(named)
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return folder / f"parley-{os.getuid()}" / "stack.json"


def announce(addresses: StackAddresses) -> Path:
    """Writes the file, in place of the one of a stack that ran before."""
    path = stack_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(addresses.to_json())
    fresh.rename(path)
    return path


def withdraw(path: Path, addresses: StackAddresses) -> None:
    """Removes the file, unless another stack has announced itself since."""
    if path.exists() and path.read_text() == addresses.to_json():
        path.unlink()


def find_stack() -> StackAddresses:
    """The addresses of the stack that was started last. Raises NoStack with the command that starts one."""
    try:
        return StackAddresses(**json.loads(stack_file().read_text()))
    except (OSError, ValueError, TypeError):
        raise NoStack("no stack is running: start one with `parley up` in another terminal") from None


def session_service() -> tuple[str, str]:
    """Address and key: PARLEY_SESSION with PARLEY_API_KEY, else those of the stack here. Raises NoStack."""
    return _named("PARLEY_SESSION") or ((stack := find_stack()).session, stack.api_key)


def notifier_service() -> tuple[str, str]:
    """As session_service, with PARLEY_NOTIFIER."""
    return _named("PARLEY_NOTIFIER") or ((stack := find_stack()).notifier, stack.api_key)


def _named(variable: str) -> tuple[str, str] | None:
    address = os.environ.get(variable)
    return (address, os.environ.get("PARLEY_API_KEY", "")) if address else None


def find_simulated_stack() -> StackAddresses:
    """As find_stack, for what only a simulated Twilio can do. Raises NoPhone too."""
    stack = find_stack()
    if not stack.is_simulated:
        raise NoPhone(
            "this stack texts through Twilio itself: use a phone, and follow it with `parley sessions --follow`"
        )
    return stack
