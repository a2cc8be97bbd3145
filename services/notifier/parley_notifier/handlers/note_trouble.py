"""Says once that something fails that is tried again and again, and once that it works."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Trouble:
    """`name` begins the log's events: `<name>_failed`, `<name>_recovered`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason = ""

    def note(self, reason: str) -> None:
        if reason != self._reason:
            log.warning("%s_failed", self._name, extra={"reason": reason})
        self._reason = reason

    def over(self) -> None:
        if self._reason:
            log.info("%s_recovered", self._name)
        self._reason = ""
