"""Makes a messaging service, or changes one, from what a test says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_simulator.domain.keywords import Keyword, advanced
from parley_simulator.domain.messaging_services import MessagingService
from parley_simulator.domain.numbers import is_http_url
from parley_simulator.domain.world import World
from parley_simulator.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """None leaves a thing as it is. `numbers` is the whole pool."""

    friendly_name: str | None = field(default=None, repr=False)
    numbers: tuple[str, ...] | None = field(default=None, repr=False)
    inbound_request_url: str | None = field(default=None, repr=False)
    use_inbound_webhook_on_number: bool | None = None
    sticky_sender: bool | None = None
    advanced_opt_out: Mapping[Keyword, tuple[str, ...]] | None = None
    """Switches Advanced Opt-Out on with these words; a keyword that is left out keeps the usual ones."""


def configure_service(world: World, service: MessagingService, change: ServiceChange) -> None:
    """Does all or nothing. Raises BadRequestError."""
    _check(world, service, change)
    world.services.add(service)
    for name in ("friendly_name", "inbound_request_url", "use_inbound_webhook_on_number", "sticky_sender"):
        if (value := getattr(change, name)) is not None:
            setattr(service, name, value)
    if change.advanced_opt_out is not None:
        service.advanced_opt_out = advanced(change.advanced_opt_out)
    if change.numbers is not None:
        for number in set(service.pool).difference(change.numbers):
            world.services.detach(service, number)
        for number in change.numbers:
            if number not in service.pool:
                world.services.attach(service, number)


def _check(world: World, service: MessagingService, change: ServiceChange) -> None:
    if change.inbound_request_url and not is_http_url(change.inbound_request_url):
        raise BadRequestError("inbound_request_url: write an http or https URL whose host has no underscore")
    for number in change.numbers or ():
        if world.numbers.find(number) is None:
            raise BadRequestError("numbers: not all are numbers of this account; add them with POST /numbers")
        if world.services.of(number) not in (None, service):
            raise BadRequestError("numbers: one is in another service; take it out of there first")
