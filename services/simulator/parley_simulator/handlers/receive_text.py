"""A participant texts one of the account's numbers: the log, the keywords, and then the number's webhook."""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_simulator.domain import keywords
from parley_simulator.domain.creation import Draft
from parley_simulator.domain.faults import INBOUND_KINDS, Kind, Occasion
from parley_simulator.domain.messages import INBOUND, OUTBOUND_REPLY, Media, Message
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.segments import count_segments
from parley_simulator.domain.world import World
from parley_simulator.handlers.accept_outbound import AcceptOutbound
from parley_simulator.handlers.deliver_inbound import DeliverInbound
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Errands, Ids

LOST, NO_URL, UNDER_WAY = "lost", "no_url", "under_way"


@dataclass(frozen=True, slots=True)
class Text:
    """What a participant sends."""

    from_: str = field(repr=False)
    body: str = field(repr=False)
    media: tuple[Media, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text in the log and what came of its webhook: delivered, fallback, lost, no_url or under_way."""

    message: Message
    outcome: str


class ReceiveText:
    def __init__(
        self,
        world: World,
        clock: Clock,
        ids: Ids,
        accept: AcceptOutbound,
        deliver: DeliverInbound,
        errands: Errands,
        watch: Watch,
    ) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._accept = accept
        self._deliver = deliver
        self._errands = errands
        self._watch = watch

    async def __call__(self, number: Number, text: Text, *, wait: bool) -> Inbound:
        """`wait`: until the webhook is answered or lost (at most 15 s for each of its URLs)."""
        message = self._log(number, text)
        self._heed_keyword(number, text)
        if not number.sms_url:
            return Inbound(message, NO_URL)
        strikes = self._strikes(number, text)
        if Kind.LOSE_INBOUND in strikes:
            return Inbound(message, LOST)
        if Kind.DUPLICATE_INBOUND in strikes:
            self._errands.start(self._call(number, message))
        if wait:
            return Inbound(message, await self._deliver(number, message))
        self._errands.start(self._call(number, message))
        return Inbound(message, UNDER_WAY)

    async def _call(self, number: Number, message: Message) -> None:
        await self._deliver(number, message)

    def _log(self, number: Number, text: Text) -> Message:
        now = self._clock()
        message = Message(
            sid=("MM" if text.media else "SM") + self._ids(),
            direction=INBOUND,
            from_=text.from_,
            to=number.phone_number,
            body=text.body,
            status="received",
            created=now,
            updated=now,
            sent=now,
            segments=count_segments(text.body),
            media=text.media,
        )
        self._world.log.append(message)
        self._watch.notify()
        return message

    def _heed_keyword(self, number: Number, text: Text) -> None:
        """Twilio answers before the webhook is called, and calls it all the same."""
        pair = (number.phone_number, text.from_)
        verdict = keywords.judge(number.phone_number, text.body, blocked=pair in self._world.opt_outs)
        if verdict.blocked:
            self._world.opt_outs.add(pair)
        else:
            self._world.opt_outs.discard(pair)
        if verdict.answer is not None:
            answer = Draft(number.phone_number, text.from_, verdict.answer, (), "", None)
            self._accept(answer, direction=OUTBOUND_REPLY, automatic=True)

    def _strikes(self, number: Number, text: Text) -> set[Kind]:
        if not self._world.faults:
            return set()
        occasion = Occasion("inbound", (text.from_, number.phone_number))
        return {fault.kind for fault in self._world.faults.strikes(occasion, INBOUND_KINDS)}
