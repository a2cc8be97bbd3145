"""The notifier's settings: PARLEY_NOTIFIER_..."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ServiceSettings, prefix, split_list
from parley_notifier.domain.terms import Terms

Seconds = Annotated[float, Field(gt=0)]

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")


class Settings(ServiceSettings):
    """All durations in seconds."""

    model_config = prefix("PARLEY_NOTIFIER_")

    listen: str = "127.0.0.1:50053"
    database_url: str = Field(repr=False)
    """postgresql://..., as the role that owns the schema `notifier`."""
    database_connections: int = Field(default=8, ge=4)
    session_address: Annotated[tuple[str, ...], NoDecode]
    """The session service's replicas: `host:port, host:port`."""

    callback_url: str
    """The gateway's public base URL; Twilio reports there what became of a message."""
    twilio_url: str = "https://api.twilio.com"
    """Any server that speaks like Twilio's REST API."""
    twilio_account_sid: str
    twilio_api_key: str = ""
    """The sid of an API key, so that a new token of the account stops no send; empty: the account itself."""
    twilio_auth_token: str = Field(repr=False)
    """The account's token, or the API key's secret."""

    slots: int = Field(default=64, ge=1)
    """Sends at once. What is sent in a second is this, divided by the seconds that one send takes."""
    connect_timeout: Seconds = 3.0
    read_timeout: Seconds = 10.0
    send_timeout: Seconds = 15.0
    """For one send from its first to its last byte, connecting included."""

    lease: Seconds = 60.0
    """For so long a claimed text belongs to the process that sends it."""
    margin: Seconds = 20.0
    """No send begins with less of its lease left."""
    settle: Seconds = 120.0
    """So long after its claim, and not in two of Twilio's lists: then a send of unknown outcome counts as not made."""
    list_gap: Seconds = 30.0
    """Between two such lists."""
    look_after: Seconds = 5.0
    """Between an unknown outcome and the first list."""
    backoff: Seconds = 1.0
    """The first pause after a 429 or a failed connection; it doubles up to `backoff_limit`."""
    backoff_limit: Seconds = 30.0
    pause: Seconds = 60.0
    """Nothing is sent for so long when Twilio refuses the account, or from a number whose queue is full."""
    number_poll: Seconds = 2.0
    """Between two looks at the register of numbers, which says where nothing is to be sent and how fast."""
    poll: Seconds = 0.25
    """Between two looks for lanes that nobody tends."""

    status_ages: Annotated[tuple[Seconds, ...], NoDecode] = (900.0, 3600.0, 43_200.0)
    """At which ages a text is asked about whose end Twilio has not reported, rising; empty: never."""
    status_poll: Seconds = 10.0
    """Between two looks for those that have come to such an age."""

    timeout_poll: Seconds = 0.2
    """Between two looks for sessions whose time has come."""
    timeout_limit: int = Field(default=200, ge=1, le=1000)
    """Sessions that are decided in one call."""
    list_interval: Seconds = 60.0
    """Between two lists of participants' texts, for those that no webhook brought; 1 while a session waits."""
    coverage_lag: float = Field(default=1.0, ge=0)
    """How late Twilio's list may show a text: so much older than its list is what counts as listed."""

    @field_validator("session_address", "status_ages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("session_address")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one host:port")
        return value

    @field_validator("status_ages")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(age >= next_age for age, next_age in pairwise(value)):
            raise ValueError("write rising ages in seconds, for example 900, 3600")
        return value

    @field_validator("callback_url", "twilio_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write http(s)://host, without a query or a fragment")
        if "_" in parts.hostname:
            raise ValueError("Twilio takes no host with an underscore")
        return value

    @field_validator("twilio_account_sid")
    @classmethod
    def _sid(cls, value: str) -> str:
        if not ACCOUNT_SID.fullmatch(value):
            raise ValueError("write AC and 32 hexadecimal digits")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        problems = self.terms.problems(self.send_timeout)
        if self.connect_timeout >= self.send_timeout:
            problems.append("connect_timeout is not shorter than send_timeout: which one ended a send would be open")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def terms(self) -> Terms:
        return Terms(
            lease=self.lease,
            margin=self.margin,
            settle=self.settle,
            gap=self.list_gap,
            look_after=self.look_after,
            backoff=self.backoff,
            backoff_limit=self.backoff_limit,
            pause=self.pause,
        )
