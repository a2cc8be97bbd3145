"""The gateway's settings: PARLEY_GATEWAY_... Refuses to start without an account whose signatures it can check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ServiceSettings, prefix, split_list
from parley_gateway.domain.accounts import parse_accounts

_BASE_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


class Settings(ServiceSettings):
    model_config = prefix("PARLEY_GATEWAY_")

    listen: str = "127.0.0.1:8080"
    """`host:port`; port 0 for a free one."""
    public_url: str = ""
    """Where Twilio calls, e.g. https://sms.example.com: how the URLs begin that its numbers are configured with, byte
    for byte, because they are signed. Empty, in development only: where the gateway listens."""
    session_address: Annotated[tuple[str, ...], NoDecode]
    """The session service's replicas: `host:port, host:port`."""
    notifier_address: Annotated[tuple[str, ...], NoDecode]
    """The notifier's replicas: `host:port, host:port`."""
    twilio_accounts: Annotated[Mapping[str, tuple[bytes, ...]], NoDecode] = Field(default_factory=dict, repr=False)
    """Accounts that may call, with their live auth tokens: `AC...=token, AC...=token|token`."""
    twilio_accounts_file: Path | None = None
    """The same in a mounted file, one a line; read again when it changes."""
    head_limit: int = Field(default=16 * 1024, ge=1024)
    """Bytes of a request line with its headers."""
    body_limit: int = Field(default=64 * 1024, ge=1024)
    """Bytes of a body."""
    field_limit: int = Field(default=200, ge=1)
    """Fields of a form."""
    receive_timeout: float = Field(default=5.0, gt=0)
    """Seconds that a request may take to arrive."""
    idle_timeout: float = Field(default=75.0, gt=0)
    """Seconds that a connection is kept without a request: longer than a proxy in front keeps one (nginx: 60), so that
    it is never closed under a request."""
    answer_timeout: float = Field(default=2.0, gt=0)
    """Seconds after which a webhook that is not stored is answered 503."""
    call_timeout: float = Field(default=0.6, gt=0)
    """Seconds for one call of the session service or the notifier; it is repeated once, on another replica."""
    waiting_limit: int = Field(default=5000, ge=1)
    """Webhooks that may wait for a call; more are answered 503 at once."""
    text_queue: float = Field(default=0.6, gt=0)
    """Seconds for which a text may wait for a call. While one has waited longer, those that come are answered 503."""
    report_queue: float = Field(default=0.3, gt=0)
    """The same for status callbacks: where there is too much, texts go first."""

    api_timeout: float = Field(default=2.0, gt=0)
    """Seconds for one call of the session service by the HTTP API; it is repeated once, on another replica."""
    requests_per_second: float = Field(default=100.0, ge=0)
    """Calls of the HTTP API that a key may make in this process, up to a second's worth at once; 0 for no bound."""

    @field_validator("session_address", "notifier_address", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("session_address", "notifier_address")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("write host:port, several with commas")
        return value

    @field_validator("twilio_accounts", mode="before")
    @classmethod
    def _read_accounts(cls, value: object) -> object:
        return parse_accounts(value) if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _bare_url(cls, value: str) -> str:
        if value and not _BASE_URL.fullmatch(value):
            raise ValueError(
                "write https://host, with a port or path if Twilio's URLs have one; no user, query or fragment"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _can_verify(self) -> Self:
        if bool(self.twilio_accounts) == bool(self.twilio_accounts_file):
            raise ValueError(
                "PARLEY_GATEWAY_TWILIO_ACCOUNTS: set it, or PARLEY_GATEWAY_TWILIO_ACCOUNTS_FILE, one of them"
            )
        if not self.public_url and not self.process.insecure_dev:
            raise ValueError("PARLEY_GATEWAY_PUBLIC_URL: write the URL at which Twilio reaches this gateway")
        return self
