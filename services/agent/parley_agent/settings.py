"""The agent service's settings: PARLEY_AGENT_..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ServiceSettings, prefix, split_list


class Settings(ServiceSettings):
    model_config = prefix("PARLEY_AGENT_")

    listen: str = "127.0.0.1:50052"
    directory: Path = Path("agents")
    """One agent, or a folder whose folders are agents."""
    workers: int = Field(default=8, ge=1, le=512)
    """Processes for each agent: how many of its turns run at the same time."""
    queue: int = Field(default=1000, ge=1)
    """Turns of one agent that may wait for a worker; further ones are refused as RESOURCE_EXHAUSTED."""
    worker_calls: int = Field(default=10_000, ge=1)
    """Turns after which a worker is replaced."""
    worker_memory_mib: int = Field(default=0, ge=0)
    """Address space of a worker; 0 for no limit. Under 256 Python itself may not fit."""
    environment: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of variables that agents get to see, beside those that Python needs: `CRM_URL, CRM_KEY`."""
    reload: bool = False
    """Notices changed files and serves new turns with the new code. For development."""

    @field_validator("environment", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)
