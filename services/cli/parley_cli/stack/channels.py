"""Channels of commands to a service: without certificates, or with those that PARLEY_TLS_… names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from pydantic import ValidationError

from parley_chassis.environment import problems
from parley_chassis.grpc_channel import open_channel
from parley_chassis.settings import ProcessSettings, SettingsError


@asynccontextmanager
async def channel_to(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """`address` may name several replicas: any of them will do. Raises SettingsError."""
    try:
        process = ProcessSettings()
    except ValidationError as error:
        raise SettingsError(problems(ProcessSettings, error)) from None
    async with open_channel(address.partition(",")[0], process) as channel:
        yield channel
