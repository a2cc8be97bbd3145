"""Tells the log now and then what was refused: one line for all, so that a forger cannot fill it."""

from __future__ import annotations

import logging

from parley_gateway.domain.tally import Tally

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds between two lines."""


class LogRefusals:
    """`event` is the name of the line."""

    def __init__(self, tally: Tally, event: str) -> None:
        self._tally = tally
        self._event = event

    async def __call__(self) -> bool:
        if news := self._tally.news():
            log.warning(self._event, extra={"reasons": news})
        return False
