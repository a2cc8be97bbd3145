"""The simulator in the hands of a test: everything the control plane offers, as Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from parley_simulator.domain.calls import Call
from parley_simulator.domain.faults import CREATE, Fault, Kind
from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.messages import Media, Message, Selection
from parley_simulator.domain.messaging_services import MessagingService
from parley_simulator.domain.numbers import E164, Number, is_http_url
from parley_simulator.domain.world import Alert, World
from parley_simulator.errors import BadRequestError
from parley_simulator.handlers.configure_number import NumberChange, configure_number
from parley_simulator.handlers.configure_service import ServiceChange, configure_service
from parley_simulator.handlers.decide_papers import DecidePapers
from parley_simulator.handlers.end_agent import EndAgent
from parley_simulator.handlers.hold_requests import Hold, Holds, Then
from parley_simulator.handlers.receive_text import Inbound, ReceiveText, Text
from parley_simulator.handlers.record_stations import RecordStations
from parley_simulator.handlers.release_number import ReleaseNumber
from parley_simulator.handlers.skip_time import SkipTime
from parley_simulator.handlers.stock_inventory import StockInventory
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import Clock, Ids, Timetable

T = TypeVar("T")
REPORTED = ("sent", "delivered", "undelivered", "failed")


class Simulator:
    """A Twilio account that runs. `api_url` is the REST API's base URL, `control_url` the control plane's."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        ids: Ids,
        watch: Watch,
        holds: Holds,
        receive_text: ReceiveText,
        timetable: Timetable,
        stations: RecordStations,
        skip_time: SkipTime,
        end_agent: EndAgent,
        sale: StockInventory,
        papers: DecidePapers,
        release: ReleaseNumber,
    ) -> None:
        self.world = world
        self.holds = holds
        self.stations = stations
        """Takes the spans of services in this process (Telemetry's `watcher`), so that the phone page shows them."""
        self.skip_time = skip_time
        self.end_agent = end_agent
        self.sale = sale
        """What is for sale, and what others buy."""
        self.papers = papers
        """Files and decides on addresses, bundles, brands, campaigns and toll-free verifications."""
        self.closing = False
        self.api_url = ""
        self.control_url = ""
        self._clock = clock
        self._ids = ids
        self._watch = watch
        self._receive_text = receive_text
        self._timetable = timetable
        self._release = release

    @property
    def account_sid(self) -> str:
        return self.world.account.sid

    @property
    def auth_token(self) -> str:
        return self.world.account.auth_token

    async def text(self, from_: str, to: str, body: str, *, media: Sequence[Media] = (), wait: bool = True) -> Inbound:
        """A participant's text. `wait`: until its webhook is answered or lost; the outcome says which."""
        number = self.world.numbers.find(to)
        if number is None:
            raise BadRequestError("to: not a number of this account; add it with POST /numbers")
        if not E164.fullmatch(from_):
            raise BadRequestError("from: write the number in E.164, for example +15550001111")
        return await self._receive_text(number, Text(from_, body, tuple(media)), wait=wait)

    def messages(self, selection: Selection | None = None) -> list[Message]:
        """In the order in which Twilio accepted them."""
        return self.world.log.select(selection or Selection())

    def outbox(self, participant: str, *, automatic: bool = False) -> list[Message]:
        """What was sent to the participant; with `automatic`, Twilio's own answers to keywords too."""
        return self.messages(_sent_to(participant, None, automatic))

    async def wait_for_outbound(
        self, participant: str, count: int = 1, timeout: float = 10.0, *, number: str | None = None
    ) -> list[Message]:
        """The participant's outbox once it holds `count` messages (from `number`). Raises TimeoutError."""
        return await self.wait_for_messages(_sent_to(participant, number, False), count, timeout)

    async def wait_for_messages(self, selection: Selection, count: int, timeout: float) -> list[Message]:
        """Raises TimeoutError."""

        def enough() -> list[Message] | None:
            found = self.messages(selection)
            return found if len(found) >= count else None

        return await self.wait_until(enough, timeout)

    async def wait_until(self, look: Callable[[], T | None], timeout: float = 10.0) -> T:
        """Looks again whenever a message or a request has come or moved. Raises TimeoutError."""
        return await self._watch.until(look, timeout)

    def calls(self, operation: str = "*", after: int = 0) -> list[Call]:
        """The requests that the REST API was sent, in the order they came; `numbers.*` are those that begin so."""
        return self.world.calls.select(operation, after)

    def add_number(
        self,
        phone_number: str,
        *,
        sms_url: str = "",
        sms_fallback_url: str = "",
        country: str | None = None,
        kind: NumberType | None = None,
    ) -> Number:
        """A number that the account owns from now on; one that it owns already keeps its sid."""
        if not E164.fullmatch(phone_number):
            raise BadRequestError("phone_number: write the number in E.164, for example +15550001111")
        for name, url in (("sms_url", sms_url), ("sms_fallback_url", sms_fallback_url)):
            if url and not is_http_url(url):
                raise BadRequestError(f"{name}: write an http or https URL whose host has no underscore")
        now, owned = self._clock(), self.world.numbers.find(phone_number)
        shelf = self.world.inventory.plan_of(phone_number)
        number = Number(
            sid=owned.sid if owned is not None else f"PN{self._ids()}",
            phone_number=phone_number,
            created=owned.created if owned is not None else now,
            updated=now,
            sms_url=sms_url,
            sms_fallback_url=sms_fallback_url,
            country=shelf.country if country is None and shelf is not None else country or "",
            type=kind or (shelf.type if shelf is not None else NumberType.LOCAL),
        )
        self.world.inventory.take(phone_number)
        self.world.numbers.add(number)
        self._watch.notify()
        return number

    def change_number(self, name: str, change: NumberChange) -> Number:
        """`name`: the phone number or the sid. What another hand does to the number, behind its owner's back."""
        number = self._number(name)
        configure_number(number, change, self._clock())
        self._watch.notify()
        return number

    def release_number(self, name: str) -> None:
        """`name`: the phone number or the sid. The account has it no more."""
        self._release(self._number(name))

    def _number(self, name: str) -> Number:
        number = self.world.numbers.find(name) or self.world.numbers.get(name)
        if number is None:
            raise BadRequestError("number: not a number of this account; GET /numbers lists them")
        return number

    def set_service(self, change: ServiceChange, sid: str | None = None) -> MessagingService:
        """A messaging service that is new, or changed where `sid` names one."""
        now = self._clock()
        service = MessagingService(f"MG{self._ids()}", now, now) if sid is None else self.world.services.get(sid)
        if service is None:
            raise BadRequestError("sid: no messaging service has it; GET /services lists them")
        configure_service(self.world, service, change)
        return service

    async def deliver_again(self, sid: str, *, wait: bool = True) -> Inbound:
        """Calls the webhook for a text that is in the log, for example one whose webhook was lost."""
        message = self.world.log.get(sid)
        number = self.world.numbers.find(message.to) if message is not None and not message.outbound else None
        if message is None or number is None:
            raise BadRequestError("sid: no inbound message has it")
        return await self._receive_text.again(number, message, wait=wait)

    def move(self, sid: str, status: str, error_code: int | None = None) -> Message:
        """Gives a message its next status by hand, with its callback; what was planned for it is off."""
        message = self.world.log.get(sid)
        if message is None or not message.outbound:
            raise BadRequestError("sid: no outbound message has it")
        if status not in REPORTED:
            raise BadRequestError(f"status: use one of {', '.join(REPORTED)}")
        self._timetable.move(message, status, error_code)
        return message

    def add_fault(
        self,
        kind: Kind | str,
        *,
        count: int | None = 1,
        probability: float = 1.0,
        participant: str | None = None,
        number: str | None = None,
        operation: str = CREATE,
        accepted: bool | None = None,
        status: int = 503,
        code: int | None = None,
        seconds: float = 0.0,
        message_status: str | None = None,
    ) -> Fault:
        """See domain.faults.Fault for the fields. `cut` strikes after acceptance unless told otherwise."""
        known = Kind(kind)
        _check_fault(known, status, seconds, message_status)
        fault = Fault(
            self.world.faults.next_id(),
            known,
            count,
            probability,
            participant,
            number,
            operation,
            (known is Kind.CUT) if accepted is None else accepted,
            status,
            code,
            seconds,
            message_status,
        )
        self.world.faults.add(fault)
        self._watch.notify()
        return fault

    def clear_faults(self, fault_id: int | None = None) -> None:
        self.world.faults.clear(fault_id)
        self._watch.notify()

    def place_hold(
        self,
        *,
        accepted: bool = False,
        participant: str | None = None,
        number: str | None = None,
        operation: str = CREATE,
        count: int | None = 1,
    ) -> Hold:
        """Holds the next `count` matching requests open (None: all), before or after they are accepted."""
        return self.holds.place(
            accepted=accepted, participant=participant, number=number, operation=operation, count=count
        )

    def alerts(self) -> list[Alert]:
        return list(self.world.alerts)

    def reset(self) -> None:
        """Forgets messages, faults, holds (their requests are cut), blocks and records.

        Numbers, messaging services, papers, what is for sale and limits stay.
        """
        self.holds.clear(Then.CUT)
        self._timetable.clear()
        self.world.forget()
        self._watch.notify()

    def close(self) -> None:
        """Ends the streams of the phone page."""
        self.closing = True
        self._watch.notify()


def _check_fault(kind: Kind, status: int, seconds: float, message_status: str | None) -> None:
    if kind is Kind.ERROR and not 400 <= status <= 599:
        raise BadRequestError("status: write an HTTP status from 400 to 599")
    if kind in (Kind.SLOW, Kind.DELAY_CALLBACKS) and seconds <= 0:
        raise BadRequestError("seconds: say how long, more than 0")
    if kind is Kind.FAIL and message_status not in (None, "failed", "undelivered"):
        raise BadRequestError("message_status: use failed or undelivered")


def _sent_to(participant: str, number: str | None, automatic: bool) -> Selection:
    return Selection(participant=participant, number=number, outbound=True, automatic=None if automatic else False)
