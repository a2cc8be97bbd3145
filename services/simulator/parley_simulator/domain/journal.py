"""What became of each text on its way, and what has changed since somebody last looked.

A station is a place that a text passed. The spans of Parley's own traces are stations too, kept by trace.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

KEPT = 2_000
K = TypeVar("K")
V = TypeVar("V")


class Subject(StrEnum):
    MESSAGE = "message"
    TRACE = "trace"


@dataclass(slots=True)
class Station:
    """`end` is None while the text is still there. Times are seconds since the epoch."""

    name: str
    begin: float
    end: float | None = None
    about: str = ""
    """A report: the status that it told."""
    result: str = ""
    """What came of it: an HTTP status, or the reason why there was none."""
    failed: bool = False


class Journal:
    """Numbers every change, so that whoever was away learns only of those since. Keeps the last KEPT of everything."""

    def __init__(self) -> None:
        self.revision = 0
        self.lives = 0
        """How often everything was forgotten."""
        self._clear()

    def clear(self) -> None:
        self.lives += 1
        self._clear()

    def touch(self, sid: str) -> None:
        """Message `sid` has come or changed."""
        self._touch(Subject.MESSAGE, sid)

    def since(self, revision: int) -> Iterator[tuple[int, Subject, str]]:
        """(revision, subject, id) of what changed after `revision`, each once, in order of its last change."""
        newer = []
        for key, changed in reversed(self._changes.items()):
            if changed <= revision:
                break
            newer.append((changed, *key))
        return reversed(newer)

    # --- stations that the simulated Twilio sees itself ------------------------------------------------------------

    def begin(self, key: str, name: str, at: float, about: str = "") -> Station:
        """`key`: a message's sid, or the status callback of a message that Twilio may not have accepted yet."""
        station = Station(name, at, about=about)
        _trimmed(self._stations).setdefault(key, []).append(station)
        self.touch(key)
        return station

    def end(self, key: str, station: Station, at: float, result: str, *, failed: bool) -> None:
        station.end, station.result, station.failed = at, result, failed
        self.touch(key)

    def stations(self, *keys: str) -> list[Station]:
        """Those of all `keys`, in the order in which they began."""
        found = [station for key in keys if key for station in self._stations.get(key, ())]
        return sorted(found, key=lambda station: station.begin)

    # --- stations inside Parley: the spans of its traces ----------------------------------------------------------

    def span_begun(self, trace: str, span: str, name: str, at: float, attributes: Mapping[str, object]) -> None:
        """The attributes `message_sid` and `message_id` tell whose trace it is: a text's, or a delivery's."""
        _trimmed(self._traces).setdefault(trace, {})[span] = Station(name, at)
        if sid := str(attributes.get("message_sid", "")):
            _trimmed(self._trace_of)[sid] = trace
            self.touch(sid)
        if delivery := str(attributes.get("message_id", "")):
            _trimmed(self._trace_of)[delivery] = trace
        self._touch(Subject.TRACE, trace)

    def span_ended(self, trace: str, span: str, at: float, failed: bool) -> None:
        if (station := self._traces.get(trace, {}).get(span)) is not None:
            station.end, station.failed = at, failed
            self._touch(Subject.TRACE, trace)

    def spans(self, trace: str) -> list[Station]:
        return list(self._traces.get(trace, {}).values())

    def trace_of(self, sid: str, status_callback: str = "") -> str:
        """The trace of an inbound message by its sid, or of an outbound one by the delivery that its callback names."""
        if found := self._trace_of.get(sid):
            return found
        delivery = status_callback.partition("#")[0].rpartition("/")[2]
        return self._trace_of.get(delivery, "")

    def _clear(self) -> None:
        self._changes: OrderedDict[tuple[Subject, str], int] = OrderedDict()
        self._stations: OrderedDict[str, list[Station]] = OrderedDict()
        self._traces: OrderedDict[str, dict[str, Station]] = OrderedDict()
        self._trace_of: OrderedDict[str, str] = OrderedDict()

    def _touch(self, subject: Subject, name: str) -> None:
        self.revision += 1
        changes = _trimmed(self._changes)
        changes[subject, name] = self.revision
        changes.move_to_end((subject, name))


def _trimmed(mapping: OrderedDict[K, V]) -> OrderedDict[K, V]:
    if len(mapping) > KEPT:
        mapping.popitem(last=False)
    return mapping
