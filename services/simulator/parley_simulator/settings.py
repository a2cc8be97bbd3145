"""What the simulator can be told: `PARLEY_SIMULATOR_...`."""

from __future__ import annotations

import json
import re
import secrets
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from parley_simulator.domain.numbers import E164, is_http_url

ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")


def _phone_number(value: str) -> str:
    if not E164.fullmatch(value):
        raise ValueError("write the number in E.164, for example +15550001111")
    return value


def _web_address(value: str) -> str:
    if value and not is_http_url(value):
        raise ValueError("write an http or https URL whose host has no underscore")
    return value


def _as_fields(value: Any) -> Any:
    return {"phone_number": value} if isinstance(value, str) else value


def _decoded(value: Any) -> Any:
    """JSON, or a list of plain values with commas between them."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith(("[", "{")):
        return [item for item in (part.strip() for part in value.split(",")) if item]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("looks like JSON and is none") from None


class NumberSettings(BaseModel):
    """A number that the account owns from the start; its phone number alone may stand for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    phone_number: str = Field(repr=False)
    sms_url: str = Field(default="", repr=False)
    sms_fallback_url: str = Field(default="", repr=False)

    _check_number = field_validator("phone_number")(_phone_number)
    _check_urls = field_validator("sms_url", "sms_fallback_url")(_web_address)


class Settings(BaseSettings):
    """Durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="PARLEY_SIMULATOR_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    listen: str = "127.0.0.1:4010"
    """The REST API. Port 0: the system chooses."""
    control_listen: str = "127.0.0.1:4011"
    """The control plane; never the same port."""
    account_sid: str = "AC" + "0" * 31 + "1"
    auth_token: str = Field(default_factory=lambda: secrets.token_hex(16), repr=False)
    api_keys: Annotated[dict[str, str], NoDecode, BeforeValidator(_decoded)] = Field(default_factory=dict, repr=False)
    """API keys that open the REST API beside the account's token: a JSON object, sid to secret."""
    numbers: Annotated[
        tuple[Annotated[NumberSettings, BeforeValidator(_as_fields)], ...], NoDecode, BeforeValidator(_decoded)
    ] = ()
    """Phone numbers with commas between them, or a JSON list of objects: phone_number, sms_url, sms_fallback_url."""
    stock: int = Field(default=20, ge=0, le=10_000)
    """How many numbers are for sale per country, type and area code."""
    seed: int = 0
    """Decides the faults that strike by chance."""

    sent_delay: float = Field(default=0.05, ge=0.0)
    """From accepted to `sent`."""
    delivered_delay: float = Field(default=0.1, ge=0.0)
    """From `sent` to `delivered` or `undelivered`."""
    segments_per_second: float = Field(default=0.0, ge=0.0)
    """How fast one number sends. 0: without limit."""
    queue_seconds: float = Field(default=36_000.0, gt=0.0)
    """How long a number's queue may be before it refuses (21611)."""
    concurrency: int = Field(default=0, ge=0)
    """Requests under way at the REST API before it answers 429. 0: without limit."""

    webhook_connections: int = Field(default=256, ge=1)
    """Webhooks called at the same time."""
    webhook_keep_alive: bool = False
    """Reuses connections to webhooks: faster, but a killed receiver may then look like a broken answer."""
    webhook_retry_pause: float = Field(default=0.1, ge=0.0)
    token_per_attempt: bool = False
    """A new I-Twilio-Idempotency-Token for each attempt instead of one for each webhook."""
    sign_port: bool = True
    """False signs without the URL's port, as Twilio Voice does."""

    @field_validator("listen", "control_listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("write host:port, for example 127.0.0.1:4010")
        return value

    @field_validator("account_sid")
    @classmethod
    def _sid(cls, value: str) -> str:
        if not ACCOUNT_SID.fullmatch(value):
            raise ValueError("write AC and 32 lower-case hexadecimal digits")
        return value

    @field_validator("auth_token")
    @classmethod
    def _token(cls, value: str) -> str:
        if not value:
            raise ValueError("leave it out for a random one, or set a value")
        return value
