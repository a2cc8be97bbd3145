"""Lets faults and holds act on a request of the REST API, before and after it was accepted."""

from __future__ import annotations

import asyncio

from parley_simulator.domain.faults import REQUEST_KINDS, Fault, FaultSchedule, Kind, Occasion
from parley_simulator.domain.refusals import Refusal, outage, too_many_requests
from parley_simulator.errors import ConnectionCut
from parley_simulator.handlers.hold_requests import Holds


class Interference:
    """Free while no fault and no hold is set. `close` ends what is being slowed down."""

    def __init__(self, faults: FaultSchedule, holds: Holds) -> None:
        self._faults = faults
        self._holds = holds
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def meet(self, occasion: Occasion, *, accepted: bool, sid: str = "") -> None:
        """Raises Refusal or ConnectionCut in the place of the answer."""
        if self._faults:
            for fault in self._faults.strikes(occasion, REQUEST_KINDS, accepted=accepted):
                await self._strike(fault)
        if self._holds:
            await self._holds.pass_by(occasion, accepted=accepted, sid=sid)

    async def _strike(self, fault: Fault) -> None:
        if fault.kind is Kind.RATE_LIMIT:
            raise too_many_requests()
        if fault.kind is Kind.CUT:
            raise ConnectionCut
        if fault.kind is Kind.ERROR:
            refusal = outage(fault.status)
            raise Refusal(fault.code or refusal.code, refusal.message, fault.status)
        await self._slow_down(fault.seconds)

    async def _slow_down(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return
        raise ConnectionCut
