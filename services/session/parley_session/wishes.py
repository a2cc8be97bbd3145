"""Translates what agents and numbers wish for between the APIs' AgentSettings and the rules' wishes.

Apart from both of its users, the servicer and the agent client, since they read the same message.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2
from parley_session.domain.settings import Wishes

ENUMS = ("greeting", "on_open_session")
DURATIONS = ("settle", "inactive_after", "grace", "unengaged_ttl", "validity")
SCALARS = ("fallback_text", "warning_text", "closing_text", "text_limit", "repeat_limit", "turn_limit")


def wishes_of(settings: agent_pb2.AgentSettings) -> dict[str, Any]:
    """The fields that are set."""
    wishes: dict[str, Any] = {name: value for name in ENUMS if (value := getattr(settings, name))}
    for name in DURATIONS:
        if settings.HasField(name):  # type: ignore[arg-type]
            duration: Duration = getattr(settings, name)
            wishes[name] = duration.seconds + duration.nanos / 1e9
    wishes |= {name: getattr(settings, name) for name in SCALARS if settings.HasField(name)}  # type: ignore[arg-type]
    return wishes


def settings_message(wishes: Wishes) -> agent_pb2.AgentSettings:
    message = agent_pb2.AgentSettings()
    for name, value in wishes.items():
        if name in DURATIONS:
            getattr(message, name).FromMilliseconds(round(value * 1000))
        elif name in ENUMS or name in SCALARS:
            setattr(message, name, value)
    return message
