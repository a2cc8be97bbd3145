"""Records where a text is and was, and wakes those who show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from parley_simulator.domain.journal import Journal, Station
from parley_simulator.domain.refusals import Refusal
from parley_simulator.handlers.end_agent import EndAgent
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock

# It begins before the agent is called; the span of the agent itself when it may have answered already.
TURN = "session.run_turn"


class RecordStations:
    """Also watches the spans of Parley's services where they run in this process (see `Simulator.stations`)."""

    def __init__(self, journal: Journal, clock: Clock, watch: Watch, end_agent: EndAgent) -> None:
        self._journal = journal
        self._clock = clock
        self._watch = watch
        self._end_agent = end_agent

    @contextmanager
    def passing(self, key: str, name: str, about: str = "") -> Iterator[Station]:
        """The text is at the station while the context is open; whoever is inside sets `result` and `failed`."""
        station = self._journal.begin(key, name, self._clock(), about)
        self._watch.notify()
        result, failed = "cut", True
        try:
            yield station
            result, failed = station.result, station.failed
        except Refusal as refusal:
            result = str(refusal.status)
            raise
        finally:
            self._journal.end(key, station, self._clock(), result, failed=failed)
            self._watch.notify()

    def lost(self, key: str, name: str) -> None:
        """What should have called at the station never came there."""
        with self.passing(key, name) as station:
            station.result, station.failed = "lost", True

    def span_begun(self, trace_id: str, span_id: str, name: str, at: float, attributes: Mapping[str, object]) -> None:
        self._journal.span_begun(trace_id, span_id, name, at, attributes)
        self._watch.notify()
        if name == TURN:
            self._end_agent.turn_began()

    def span_ended(self, trace_id: str, span_id: str, at: float, failed: bool) -> None:
        self._journal.span_ended(trace_id, span_id, at, failed)
        self._watch.notify()
