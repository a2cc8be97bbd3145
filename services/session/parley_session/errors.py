"""What the session service answers when it refuses.

ParleyError
├── InvalidArgument  ── a field is missing or malformed; named in the message
└── NotFound         ── SessionNotFound, NumberNotFound
"""

from __future__ import annotations

from parley_chassis.errors import NotFound


class SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no session has this session_id", field="session_id")


class NumberNotFound(NotFound):
    reason = "NUMBER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("the number is not registered: set allow_missing to register it", field="number.number")
