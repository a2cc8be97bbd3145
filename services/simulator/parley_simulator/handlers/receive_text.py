"""A participant texts one of the account's numbers: the log, the keywords, and then the number's webhook."""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_simulator.domain.creation import Draft
from parley_simulator.domain.faults import INBOUND_KINDS, Kind, Occasion
from parley_simulator.domain.messages import INBOUND, OUTBOUND_REPLY, Media, Message
from parley_simulator.domain.messaging_services import Webhook, webhook_for
from parley_simulator.domain.numbers import Number
from parley_simulator.domain.segments import count_segments
from parley_simulator.domain.world import World
from parley_simulator.handlers.accept_outbound import AcceptOutbound
from parley_simulator.handlers.deliver_inbound import DeliverInbound
from parley_simulator.handlers.record_stations import RecordStations
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Errands, Ids

LOST, NO_URL, NOT_RECEIVED, UNDER_WAY = "lost", "no_url", "not_received", "under_way"


@dataclass(frozen=True, slots=True)
class Text:
    """What a participant sends."""

    from_: str = field(repr=False)
    body: str = field(repr=False)
    media: tuple[Media, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text in the log and what came of its webhook: delivered, fallback, lost, no_url or under_way.

    not_received: its number's messaging service has no webhook, so that it is not even in the log.
    """

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
        stations: RecordStations,
    ) -> None:
        self._world = world
        self._clock = clock
        self._ids = ids
        self._accept = accept
        self._deliver = deliver
        self._errands = errands
        self._watch = watch
        self._stations = stations

    async def __call__(self, number: Number, text: Text, *, wait: bool) -> Inbound:
        """`wait`: until the webhook is answered or lost (at most 15 s for each of its URLs)."""
        service = self._world.services.of(number.phone_number)
        webhook = webhook_for(number, service)
        message = self._message(number, text)
        if service is not None:
            message.service_sid = service.sid
        if webhook is not None:
            self._log(message)
        self._heed_keyword(message)
        if webhook is None:
            return Inbound(message, NOT_RECEIVED)
        if not webhook.url:
            return Inbound(message, NO_URL)
        strikes = self._strikes(number, text)
        if Kind.LOSE_INBOUND in strikes:
            self._stations.lost(message.sid, "inbound")
            return Inbound(message, LOST)
        if Kind.DUPLICATE_INBOUND in strikes:
            self._errands.start(self._call(webhook, message))
        return await self._bring(webhook, message, wait=wait)

    async def again(self, number: Number, message: Message, *, wait: bool) -> Inbound:
        """Calls the webhook for a text that is in the log: for the first time, if it was lost."""
        webhook = webhook_for(number, self._world.services.of(number.phone_number))
        if webhook is None or not webhook.url:
            return Inbound(message, NO_URL)
        return await self._bring(webhook, message, wait=wait)

    async def _bring(self, webhook: Webhook, message: Message, *, wait: bool) -> Inbound:
        if wait:
            return Inbound(message, await self._deliver(webhook, message))
        self._errands.start(self._call(webhook, message))
        return Inbound(message, UNDER_WAY)

    async def _call(self, webhook: Webhook, message: Message) -> None:
        await self._deliver(webhook, message)

    def _message(self, number: Number, text: Text) -> Message:
        now = self._clock()
        return Message(
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

    def _log(self, message: Message) -> None:
        self._world.log.append(message)
        self._world.journal.touch(message.sid)
        if (service := self._world.services.get(message.service_sid)) is not None:
            service.remember(message.from_, message.to)
        self._watch.notify()

    def _heed_keyword(self, message: Message) -> None:
        """Twilio answers before the webhook is called, and calls it all the same."""
        verdict = self._world.opt_outs.heed(message.to, message.from_, message.body)
        message.opt_out_type = verdict.opt_out_type
        if verdict.answer is not None:
            answer = Draft(message.to, message.from_, verdict.answer, (), "", None, message.service_sid)
            self._accept(answer, direction=OUTBOUND_REPLY, automatic=True)

    def _strikes(self, number: Number, text: Text) -> set[Kind]:
        if not self._world.faults:
            return set()
        occasion = Occasion("inbound", (text.from_, number.phone_number))
        return {fault.kind for fault in self._world.faults.strikes(occasion, INBOUND_KINDS)}
