"""What a person has to say about a real Twilio account, checked before anything starts."""

from __future__ import annotations

import os
import re
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import typer

TOKEN = "PARLEY_TWILIO_AUTH_TOKEN"  # noqa: S105
ACCOUNT_SID = re.compile("AC[0-9a-fA-F]{32}")
CONSOLE = "https://console.twilio.com"
TWILIO = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`url` is the REST API's base URL."""

    sid: str
    auth_token: str = field(repr=False)
    url: str = TWILIO


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is: `listen` is the gateway's own address, `public_url` where Twilio reaches it.

    No `data`: kept where this machine keeps what is to last.
    """

    agents: Path
    data: Path | None
    listen: str
    public_url: str


def checked_public_url(url: str, twilio_url: str) -> str:
    """Without a slash at its end. Raises typer.BadParameter."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise typer.BadParameter("--public-url: write https://host, without a query or a fragment")
    if twilio_url == TWILIO and not url.startswith("https://"):
        raise typer.BadParameter("--public-url: write https://…; texts are not to cross the internet in the clear")
    return url.rstrip("/")


def account_of(sid: str, url: str) -> TwilioAccount:
    """With the token from the environment, or asked for. Raises typer.BadParameter."""
    if not ACCOUNT_SID.fullmatch(sid):
        raise typer.BadParameter(
            "--account-sid: write AC and 32 hexadecimal digits; https://console.twilio.com shows it"
        )
    token = os.environ.get(TOKEN, "")
    if not token and sys.stdin.isatty():
        token = str(typer.prompt(f"Auth token of {sid}", hide_input=True, err=True))
    if not token:
        raise typer.BadParameter(f"set {TOKEN} to the account's auth token; {CONSOLE} shows it")
    return TwilioAccount(sid, token, url.rstrip("/"))


def free_address(port: int) -> str:
    """The port's address on loopback. Raises typer.BadParameter where somebody listens on it."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise typer.BadParameter(
            f"--port: something listens on {port} already: stop it, or choose another and point your tunnel there"
        ) from None
    return f"127.0.0.1:{port}"
