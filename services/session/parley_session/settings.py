"""The session service's settings: PARLEY_SESSION_..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ServiceSettings, prefix, split_list


class Settings(ServiceSettings):
    model_config = prefix("PARLEY_SESSION_")

    listen: str = "127.0.0.1:50051"
    database_url: str = Field(repr=False)
    """postgresql://..., as the role that owns the schema `session`."""
    agents: Annotated[Mapping[str, tuple[str, ...]], NoDecode]
    """Where agents are: `name=host:port|host:port, *=host:port`. `*` stands for every name not listed.

    Web chat reaches any of them by its name, whether a number points to it or not."""
    notifier_address: Annotated[tuple[str, ...], NoDecode]
    """The notifier's replicas: `host:port, host:port`."""
    max_turns: int = Field(default=500, ge=1)
    """Turns under way in this process; more wait in the database for any replica."""
    turn_timeout: float = Field(default=45.0, gt=0)
    """Seconds that an agent may take for one turn."""
    turn_lease: float = Field(default=20.0, gt=0)
    """Seconds after which a turn whose process has gone is taken over."""
    drain: float = Field(default=25.0, ge=0)
    """Seconds that turns under way get when the process stops."""
    max_watchers: int = Field(default=5000, ge=0)
    """Calls of WatchSession at a time; more are refused."""
    database_connections: int = Field(default=8, ge=4)

    @field_validator("notifier_address", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("agents", mode="before")
    @classmethod
    def _split_agents(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [item.partition("=") for item in value.split(",") if item.strip()]
        names = [name.strip() for name, _, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError("name each agent once; put | between the addresses of one")
        return {name.strip(): [address.strip() for address in places.split("|")] for name, _, places in pairs}

    @field_validator("notifier_address")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not (value and all(map(_is_address, value))):
            raise ValueError("write host:port, several with commas")
        return value

    @field_validator("agents")
    @classmethod
    def _check_agents(cls, value: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        if not (value and all(name and all(map(_is_address, places)) for name, places in value.items())):
            raise ValueError("write name=host:port, or *=host:port for every agent; several with commas")
        return value


def _is_address(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return bool(host) and port.isdecimal()
