"""The requests that the REST API was sent, one by one in the order they came: for tests that count and order them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from parley_simulator.domain.form import Form

KEPT = 10_000


@dataclass(slots=True, eq=False)
class Call:
    """`outcome`: the HTTP status, `cut` for a connection that was cut, "" while there is no answer."""

    index: int
    at: float
    method: str
    path: str
    operation: str = "other"
    fields: Form | None = field(default=None, repr=False)
    """Of the form, or of the query where there is none. Not kept of messages, which have a log of their own."""
    outcome: str = ""


class CallLog:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._last = 0

    def add(self, at: float, method: str, path: str) -> Call:
        self._last += 1
        call = Call(self._last, at, method, path)
        self._calls.append(call)
        return call

    def name(self, call: Call, operation: str, fields: Form) -> None:
        call.operation = operation
        if not operation.startswith("messages."):
            call.fields = fields

    def select(self, operation: str = "*", after: int = 0) -> list[Call]:
        """`operation` may end with `*`: all that begin so."""
        start = operation.removesuffix("*") if operation.endswith("*") else None
        return [
            call
            for call in self._calls
            if call.index > after
            and (call.operation == operation if start is None else call.operation.startswith(start))
        ]

    def clear(self) -> None:
        """The numbers go on."""
        self._calls.clear()
