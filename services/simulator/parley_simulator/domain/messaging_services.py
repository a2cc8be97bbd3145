"""Messaging services: pools of numbers, each with one webhook, one list of opt-outs and perhaps keywords of its own.

Assumed, since undocumented: an inbound text makes its number the sticky one. Only here: `use_inbound_webhook_on_number`
is true unless given, and loopback URLs are fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from parley_simulator.domain.form import Form
from parley_simulator.domain.keywords import Rules
from parley_simulator.domain.numbers import METHODS, Number, is_http_url
from parley_simulator.domain.refusals import Refusal

# Form field of the API -> attribute of MessagingService.
TEXTS = {
    "FriendlyName": "friendly_name",
    "InboundRequestUrl": "inbound_request_url",
    "InboundMethod": "inbound_method",
    "FallbackUrl": "fallback_url",
    "FallbackMethod": "fallback_method",
    "StatusCallback": "status_callback",
}
FLAGS = {"StickySender": "sticky_sender", "UseInboundWebhookOnNumber": "use_inbound_webhook_on_number"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where inbound texts go; "" is an unset URL."""

    url: str = field(repr=False)
    method: str
    fallback_url: str = field(repr=False)
    fallback_method: str


@dataclass(slots=True)
class MessagingService:
    """`pool` holds phone numbers. Times are seconds since the epoch."""

    sid: str
    created: float
    updated: float
    friendly_name: str = field(default="", repr=False)
    inbound_request_url: str = field(default="", repr=False)
    inbound_method: str = "POST"
    fallback_url: str = field(default="", repr=False)
    fallback_method: str = "POST"
    status_callback: str = field(default="", repr=False)
    sticky_sender: bool = True
    use_inbound_webhook_on_number: bool = True
    advanced_opt_out: Rules | None = None
    """The keywords of Advanced Opt-Out where it is switched on."""
    pool: list[str] = field(default_factory=list, repr=False)
    _senders: dict[str, str] = field(default_factory=dict, repr=False)
    _chosen: int = 0

    def choose(self, participant: str) -> str:
        """The number that would send to the participant. Raises Refusal 21704 when the pool is empty."""
        if not self.pool:
            raise Refusal(21704, "The Messaging Service contains no phone numbers.")
        known = self._senders.get(participant) if self.sticky_sender else None
        return known if known in self.pool else self.pool[self._chosen % len(self.pool)]

    def remember(self, participant: str, number: str) -> None:
        """The participant has this number from now on."""
        if self._senders.get(participant) != number:
            self._chosen += 1
        self._senders[participant] = number

    def forget(self) -> None:
        self._senders.clear()
        self._chosen = 0


class MessagingServices:
    """The services by sid, in the order they came, and which of them a number is in."""

    def __init__(self) -> None:
        self._by_sid: dict[str, MessagingService] = {}
        self._by_number: dict[str, MessagingService] = {}

    def __iter__(self) -> Iterator[MessagingService]:
        return iter(self._by_sid.values())

    def add(self, service: MessagingService) -> None:
        self._by_sid[service.sid] = service

    def get(self, sid: str) -> MessagingService | None:
        return self._by_sid.get(sid)

    def of(self, phone_number: str) -> MessagingService | None:
        return self._by_number.get(phone_number)

    def attach(self, service: MessagingService, phone_number: str, room: int = 0) -> None:
        """Raises Refusal 21710 or 21712 when a service has the number already, 21714 when it has `room` numbers.

        0 is room without limit.
        """
        holder = self._by_number.get(phone_number)
        if holder is service:
            raise Refusal(21710, "Phone Number or Short Code is already in the Messaging Service.", 409)
        if holder is not None:
            raise Refusal(21712, "Phone Number or Short Code is associated with another Messaging Service.", 409)
        if room and len(service.pool) >= room:
            raise Refusal(21714, f"The Messaging Service has {room} numbers, which is as many as it can have")
        service.pool.append(phone_number)
        self._by_number[phone_number] = service

    def remove(self, service: MessagingService) -> None:
        for phone_number in list(service.pool):
            self.detach(service, phone_number)
        del self._by_sid[service.sid]

    def detach(self, service: MessagingService, phone_number: str) -> None:
        service.pool.remove(phone_number)
        del self._by_number[phone_number]

    def forget(self) -> None:
        """Which number texted whom; the services and their pools stay."""
        for service in self:
            service.forget()


def webhook_for(number: Number, service: MessagingService | None) -> Webhook | None:
    """None: the service has no webhook, so texts to its numbers are not even received."""
    if service is None or service.use_inbound_webhook_on_number:
        if number.sms_application_sid:
            # The application's own URL counts then, which is not known here.
            return Webhook("", "POST", "", "POST")
        return Webhook(number.sms_url, number.sms_method, number.sms_fallback_url, number.sms_fallback_method)
    if not service.inbound_request_url:
        return None
    return Webhook(service.inbound_request_url, service.inbound_method, service.fallback_url, service.fallback_method)


def update(service: MessagingService, form: Form, now: float) -> None:
    """Applies the fields that are in the form, all or none. Raises Refusal 20001."""
    texts = {attribute: form.get(name) for name, attribute in TEXTS.items() if name in form}
    flags = {attribute: form.get(name).lower() for name, attribute in FLAGS.items() if name in form}
    for attribute, value in texts.items():
        if attribute.endswith("method") and value.upper() not in METHODS:
            raise Refusal(20001, f"{attribute} is not a valid HTTP method")
        if attribute.endswith(("url", "callback")) and value and not is_http_url(value):
            raise Refusal(20001, f"{attribute} is not a valid URL")
    if not texts.get("friendly_name", service.friendly_name) or len(texts.get("friendly_name", "")) > 64:
        raise Refusal(20001, "FriendlyName must be 1 to 64 characters")
    for attribute, value in flags.items():
        if value not in ("true", "false"):
            raise Refusal(20001, f"{attribute} must be true or false")
    for attribute, value in texts.items():
        setattr(service, attribute, value.upper() if attribute.endswith("method") else value)
    for attribute, value in flags.items():
        setattr(service, attribute, value == "true")
    service.updated = now
