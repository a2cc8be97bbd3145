"""Takes an outbound message into the log and plans what becomes of it."""

from __future__ import annotations

from parley_simulator.domain.creation import Draft
from parley_simulator.domain.faults import CREATE, FATE_KINDS, Occasion
from parley_simulator.domain.lifecycle import Pace, plan
from parley_simulator.domain.messages import OUTBOUND_API, Media, Message
from parley_simulator.domain.segments import count_segments
from parley_simulator.domain.world import World
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Ids, Timetable


class AcceptOutbound:
    """From here on the message counts, whether or not anybody hears of it."""

    def __init__(self, world: World, clock: Clock, ids: Ids, pace: Pace, timetable: Timetable, watch: Watch) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._pace = pace
        self._timetable = timetable
        self._watch = watch

    def __call__(
        self, draft: Draft, *, direction: str = OUTBOUND_API, automatic: bool = False, token: str = ""
    ) -> Message:
        """`token`: 32 hexadecimal digits for the sid."""
        now = self._clock()
        message = Message(
            sid=("MM" if draft.media else "SM") + (token or self._ids()),
            direction=direction,
            from_=draft.from_,
            to=draft.to,
            body=draft.body,
            status="accepted" if draft.service_sid else "queued",
            created=now,
            updated=now,
            segments=count_segments(draft.body),
            media=tuple(Media(url, "image/jpeg") for url in draft.media),
            status_callback=draft.status_callback,
            automatic=automatic,
            service_sid=draft.service_sid,
            sender_hidden=draft.sender_hidden,
        )
        self._world.log.append(message)
        self._world.journal.touch(message.sid)
        if (service := self._world.services.get(draft.service_sid)) is not None:
            service.remember(draft.to, draft.from_)
        self._plan(message, draft, now)
        self._watch.notify()
        return message

    def _plan(self, message: Message, draft: Draft, now: float) -> None:
        world = self._world
        ready = world.queues.enter(draft.from_, now, message.segments, world.limits.segments_per_second)
        occasion = Occasion(CREATE, (draft.to, draft.from_))
        faults = world.faults.strikes(occasion, FATE_KINDS) if world.faults and not message.automatic else ()
        steps = plan(ready, self._pace, faults, draft.late_block, in_service=bool(draft.service_sid))
        self._timetable.schedule(message, steps)
