"""Messages.json and Messages/{sid}.json."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from parley_simulator.domain.faults import Occasion
from parley_simulator.domain.form import Form
from parley_simulator.domain.messages import Message
from parley_simulator.domain.paging import Place, links
from parley_simulator.domain.refusals import Refusal, not_found
from parley_simulator.domain.world import World
from parley_simulator.handlers.create_message import CreateMessage
from parley_simulator.handlers.disturb_request import Interference
from parley_simulator.handlers.record_stations import RecordStations
from parley_simulator.routes.request import API_VERSION, ApiRequest, Reply, rfc2822

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class MessageRoutes:
    def __init__(
        self, world: World, create: CreateMessage, interference: Interference, stations: RecordStations
    ) -> None:
        self._world = world
        self._create = create
        self._interference = interference
        self._stations = stations

    async def create_message(self, request: ApiRequest) -> Reply:
        # The callback's URL names what is sent, also while Twilio refuses it.
        with self._stations.passing(request.form.get("StatusCallback"), "post") as station:
            reply = await self._create_message(request)
            station.result = str(reply[0])
            return reply

    async def _create_message(self, request: ApiRequest) -> Reply:
        form = request.form
        sender = form.get("From").strip() or form.get("MessagingServiceSid")
        occasion = Occasion(request.operation, (form.get("To").strip(), sender))
        await self._interference.meet(occasion, accepted=False)
        message = self._create(form, request.token)
        # Rendered before anything else can move it on: the answer tells the initial status.
        resource = self._resource(message)
        await self._interference.meet(occasion, accepted=True, sid=message.sid)
        return 201, resource

    async def fetch_message(self, request: ApiRequest) -> Reply:
        message = self._world.log.get(request.sid)
        parties = (message.to, message.from_) if message else ()
        await self._interference.meet(Occasion(request.operation, parties), accepted=False)
        if message is None:
            raise not_found(request.path)
        return 200, self._resource(message)

    async def list_messages(self, request: ApiRequest) -> Reply:
        query = request.query
        occasion = Occasion(request.operation, (query.get("To"), query.get("From")))
        await self._interference.meet(occasion, accepted=False)
        place, dates = Place.read(query), _DateFilter.read(query)
        page, older, newer = self._page(query, place, dates)
        sids = [message.sid for message in page]
        paging = links(request.path, query, place, sids, older=older, newer=newer)
        return 200, {**paging, "messages": [self._resource(message) for message in page]}

    def _page(self, query: Form, place: Place, dates: _DateFilter) -> tuple[list[Message], bool, bool]:
        """A page, newest first, and whether there are older and newer messages around it."""
        log, to, from_ = self._world.log, query.get("To"), query.get("From")
        anchor = log.get(place.after or place.before)
        if (place.after or place.before) and anchor is None:
            raise Refusal(20006, "PageToken is not valid")
        if place.before and anchor is not None:
            rising = filter(dates.takes, log.slice_up(to=to, from_=from_, after=anchor.index))
            found = list(islice(rising, place.size + 1))
            return found[: place.size][::-1], True, len(found) > place.size
        falling = filter(
            dates.takes, log.slice(to=to, from_=from_, before=anchor.index if anchor is not None else None)
        )
        found = list(islice(falling, place.size + 1))
        return found[: place.size], len(found) > place.size, anchor is not None

    def _resource(self, message: Message) -> dict[str, object]:
        account = self._world.account.sid
        path = f"/{API_VERSION}/Accounts/{account}/Messages/{message.sid}"
        return {
            "account_sid": account,
            "api_version": API_VERSION,
            "body": message.body,
            "date_created": rfc2822(message.created),
            "date_sent": rfc2822(message.sent) if message.sent is not None else None,
            "date_updated": rfc2822(message.updated),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": None,
            "from": None if message.sender_hidden else message.from_,
            "messaging_service_sid": message.service_sid or None,
            "num_media": str(len(message.media)),
            "num_segments": "0" if message.status == "accepted" else str(message.segments),
            "price": None,
            "price_unit": "USD",
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": message.to,
            "uri": f"{path}.json",
        }


class _DateFilter:
    """`DateSent` (a day, or a moment), `DateSent<` and `DateSent>` (both inclusive).

    What is not sent yet has no such date and no filter finds it: an empty list proves nothing about it.
    """

    def __init__(self, first: float | None, last: float | None) -> None:
        self._first = first
        self._last = last

    @classmethod
    def read(cls, query: Form) -> _DateFilter:
        first, last = _moment(query, "DateSent>"), _moment(query, "DateSent<")
        if (exact := _moment(query, "DateSent")) is not None:
            # Twilio keeps whole seconds.
            whole_day = timedelta(days=1) if DAY.fullmatch(query.get("DateSent")) else timedelta(seconds=1)
            return cls(exact.timestamp(), (exact + whole_day).timestamp() - 1e-6)
        upper = last.timestamp() + (0.0 if DAY.fullmatch(query.get("DateSent<")) else 1 - 1e-6) if last else None
        return cls(first.timestamp() if first else None, upper)

    def takes(self, message: Message) -> bool:
        if self._first is None and self._last is None:
            return True
        if message.sent is None:
            return False
        return (self._first is None or message.sent >= self._first) and (
            self._last is None or message.sent <= self._last
        )


def _moment(query: Form, name: str) -> datetime | None:
    text = query.get(name)
    if not text:
        return None
    try:
        if DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(20001, f"{name} is not a date; use YYYY-MM-DD or an ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
