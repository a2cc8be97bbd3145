"""The watchers of this process: which there are, and which of them a commit concerns.

Waits for nobody: a watcher whose reader is slow is woken like the others, and looks when it gets to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from parley_chassis.errors import ResourceExhausted, Unavailable
from parley_session.domain.told import Told
from parley_session.ports import Seen, SessionRecord


class Watch:
    """One watcher of one session. It starts awake, so that it looks at once."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.thread_id = ""
        self.told = Told(session_id, 0)
        self.session: SessionRecord | None = None
        """The session as it was told."""
        self.last_position = self.taken = 0
        """Those of the thread when it was looked at."""
        self.is_waiting = False
        self.is_stopped = False
        self._awake = asyncio.Event()
        self._awake.set()

    def wake(self) -> None:
        self._awake.set()

    def forget(self) -> None:
        """What was seen may be out of date: the next look for changes wakes it."""
        self.last_position = -1

    async def woken(self) -> None:
        """Returns when there may be something new. Raises Unavailable when the process stops."""
        self.is_waiting = True
        await self._awake.wait()
        self.is_waiting = False
        self._awake.clear()
        if self.is_stopped:
            raise Unavailable("the process is stopping: continue elsewhere, with the last cursor", reason="STOPPING")

    def seen(self) -> Seen:
        return Seen(
            self.session_id, self.thread_id, self.session, self.last_position, self.taken, dict(self.told.unsettled)
        )


class Watchers:
    """`limit` is how many there may be at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._watches: dict[Watch, None] = {}
        """In the order in which they were last looked after."""
        self._by_thread: dict[str, set[Watch]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._watches)

    @contextmanager
    def watching(self, session_id: str) -> Iterator[Watch]:
        """Raises ResourceExhausted when there are too many watchers."""
        if len(self._watches) >= self._limit:
            raise ResourceExhausted("too many watchers here: watch fewer sessions, or elsewhere", reason="WATCHERS")
        watch = Watch(session_id)
        watch.is_stopped = self._closed
        self._watches[watch] = None
        try:
            yield watch
        finally:
            del self._watches[watch]
            followers = self._by_thread.get(watch.thread_id, set())
            followers.discard(watch)
            if not followers:
                self._by_thread.pop(watch.thread_id, None)

    def follow(self, watch: Watch, thread_id: str) -> None:
        """From now on the thread's commits wake it; and once now, for those that were before."""
        watch.thread_id = thread_id
        self._by_thread.setdefault(thread_id, set()).add(watch)
        watch.wake()

    def wake(self, thread_ids: Iterable[str]) -> None:
        """Something was committed in these threads."""
        if self._watches:
            for thread_id in thread_ids:
                for watch in self._by_thread.get(thread_id, ()):
                    watch.wake()

    def waiting(self, limit: int) -> list[Watch]:
        """Those that have told all they saw, the longest not looked after first. They are looked after now."""
        chosen = list(islice((watch for watch in self._watches if watch.is_waiting), limit))
        for watch in chosen:
            self._watches[watch] = self._watches.pop(watch)
        return chosen

    def close(self) -> None:
        """Ends all watches, and those that may yet begin."""
        self._closed = True
        for watch in self._watches:
            watch.is_stopped = True
            watch.wake()
