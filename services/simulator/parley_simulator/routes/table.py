"""The table of the REST API: which resource answers at which path, and how faults and holds get at each request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from parley_simulator.domain.faults import Occasion
from parley_simulator.domain.world import World
from parley_simulator.handlers.disturb_request import Interference
from parley_simulator.routes.messages import MessageRoutes
from parley_simulator.routes.paths import Act, Endpoint, Paths
from parley_simulator.routes.request import ACCOUNT, ApiRequest, Entry, Reply


class Resource(Protocol):
    def entries(self) -> Iterable[Entry]: ...


def table(world: World, interference: Interference, messages: MessageRoutes, resources: Iterable[Resource]) -> Paths:
    return Paths([*_of_messages(messages), *_of_resources(world, interference, resources)])


def _of_messages(messages: MessageRoutes) -> Iterator[Endpoint]:
    """They meet faults and holds themselves: a message's are its own."""
    several, one = f"{ACCOUNT}/Messages.json", f"{ACCOUNT}/Messages/{{sid}}.json"
    yield Endpoint("POST", several, "messages.create", messages.create_message)
    yield Endpoint("GET", several, "messages.list", messages.list_messages)
    yield Endpoint("GET", one, "messages.fetch", messages.fetch_message)


def _of_resources(world: World, interference: Interference, resources: Iterable[Resource]) -> Iterator[Endpoint]:
    for resource in resources:
        for entry in resource.entries():
            yield Endpoint(entry.method, entry.path, entry.operation, _disturbed(world, interference, entry))


def _disturbed(world: World, interference: Interference, entry: Entry) -> Act:
    """Faults and holds before the request counts, and between that and its answer."""

    async def act(request: ApiRequest) -> Reply:
        occasion = Occasion(request.operation, tuple(_parties(world, request)))
        await interference.meet(occasion, accepted=False)
        reply = entry.act(request)
        sid = (reply[1] or {}).get("sid")
        await interference.meet(occasion, accepted=True, sid=sid if isinstance(sid, str) else "")
        return reply

    return act


def _parties(world: World, request: ApiRequest) -> Iterator[str]:
    """The phone numbers that the request names, itself or by their sids."""
    for form in (request.form, request.query):
        if phone_number := form.get("PhoneNumber"):
            yield phone_number
    sids = (request.sid, request.item, request.form.get("PhoneNumberSid"), request.query.get("TollfreePhoneNumberSid"))
    for sid in sids:
        if (number := world.numbers.get(sid)) is not None:
            yield number.phone_number
