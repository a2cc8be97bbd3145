"""The operator's settings: PARLEY_OPERATOR_..., beside the PARLEY_... of every process.

How the API server is reached is not among them: KUBECONFIG names a file, else the pod's service account is used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import DirectoryPath, Field, field_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ServiceSettings, prefix, split_list
from parley_operator.domain.facts import Terms
from parley_operator.domain.webhooks import sms_fallback_url, sms_url

Seconds = Annotated[float, Field(gt=0)]


class Settings(ServiceSettings):
    """All durations in seconds."""

    model_config = prefix("PARLEY_OPERATOR_")

    listen: str = "127.0.0.1:8082"
    """Where /health/live, /healthz and /health/ready are answered. Port 0: the system chooses."""
    session_address: Annotated[tuple[str, ...], NoDecode]
    """The session service's replicas: `host:port, host:port`."""
    public_url: str
    """The gateway's public base URL: every number's webhook leads there."""
    twilio_accounts: DirectoryPath = Path("/etc/parley/twilio-accounts")
    """A folder with a folder for each Twilio account, by name, and in it a file for each value: account_sid, and
    api_key_sid with api_key_secret or else auth_token; and api_base_url for whatever speaks like Twilio elsewhere."""
    namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """The namespaces whose PhoneNumbers are looked after, with commas between them. Empty: all."""

    purchase_limit: int = Field(default=20, ge=0)
    """Numbers that are bought in one namespace at most, and kept there. 0: none."""
    dry_run: bool = False
    """Buys and releases nothing; conditions say what would be done."""

    resync: Seconds = 300.0
    """Between two looks at a number that nothing is known to have happened to."""
    list_interval: Seconds = 30.0
    """Between two lists of the resources, which find what a watch did not tell."""
    watch_limit: Seconds = 90.0
    """So long a watch may not tell of what a list shows before /health/live fails."""
    observe_age: Seconds = 15.0
    """For so long a list of an account's numbers, or of the registered ones, is believed."""
    settle: Seconds = 60.0
    """After a purchase of unknown outcome: when a list without the number is believed."""
    twilio_timeout: Seconds = 20.0
    """For one request to Twilio."""
    workers: int = Field(default=16, ge=1)
    """Resources that are worked on at once. To Twilio there is one request at a time for each account."""

    @field_validator("session_address", "namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("session_address")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one host:port")
        return value

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s]+:\d{1,5}", value):
            raise ValueError("write host:port, for example 0.0.0.0:8082")
        return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write http(s)://host, without a query or a fragment")
        if "_" in parts.hostname:
            raise ValueError("Twilio takes no host with an underscore")
        return value.rstrip("/")

    @property
    def terms(self) -> Terms:
        return Terms(
            sms_url=sms_url(self.public_url),
            sms_fallback_url=sms_fallback_url(self.public_url),
            purchase_limit=self.purchase_limit,
            dry_run=self.dry_run,
            settle=self.settle,
        )
