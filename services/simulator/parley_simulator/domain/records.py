"""Records of the account that have a sid, of one kind each, in the order they came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Record(Protocol):
    @property
    def sid(self) -> str: ...


RecordT = TypeVar("RecordT", bound=Record)


class Records(Generic[RecordT]):
    def __init__(self) -> None:
        self._by_sid: dict[str, RecordT] = {}

    def __iter__(self) -> Iterator[RecordT]:
        return iter(self._by_sid.values())

    def add(self, record: RecordT) -> None:
        self._by_sid[record.sid] = record

    def get(self, sid: str) -> RecordT | None:
        return self._by_sid.get(sid)

    def remove(self, record: RecordT) -> None:
        self._by_sid.pop(record.sid, None)
