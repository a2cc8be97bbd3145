"""Judges a request to create a message, in Twilio's order: To, From, body, format, opt-out, reach, queue."""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_simulator.domain.form import Form
from parley_simulator.domain.messaging_services import MessagingService, MessagingServices
from parley_simulator.domain.numbers import E164, Numbers, is_http_url
from parley_simulator.domain.opt_outs import OptOuts
from parley_simulator.domain.refusals import Refusal
from parley_simulator.domain.segments import utf16_units

MAX_BODY = 1600
MAX_MEDIA = 10
MAX_VALIDITY = 36_000

MAGIC_SENDERS = {
    "+15005550001": (21212, "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID."),
    "+15005550008": (21611, "This 'From' number {} has exceeded the maximum number of queued messages."),
}
MAGIC_RECIPIENTS = {
    "+15005550001": (21211, "The 'To' number {} is not a valid phone number."),
    "+15005550002": (
        21612,
        "The 'To' phone number {} is not currently reachable using the 'From' phone number via SMS.",
    ),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number {}."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "To number: {}, is not a mobile number"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that may be accepted. `late_block`: the code with which it will fail after it was accepted."""

    from_: str = field(repr=False)
    to: str = field(repr=False)
    body: str = field(repr=False)
    media: tuple[str, ...] = field(repr=False)
    status_callback: str = field(repr=False)
    late_block: int | None
    service_sid: str = ""
    sender_hidden: bool = False
    """Whether the messaging service chose the sender, which the answer does not tell yet."""


def judge(form: Form, numbers: Numbers, services: MessagingServices, opt_outs: OptOuts) -> Draft:
    """Raises Refusal for what Twilio would not accept; parameters it does not know are ignored."""
    to, given = form.get("To").strip(), form.get("From").strip()
    if not to:
        raise Refusal(21604, "A 'To' phone number is required.")
    service = _service(form, services)
    from_ = given or (service.choose(to) if service is not None else "")
    _check_sender(from_, service, numbers)
    media = tuple(form.all("MediaUrl"))
    _check_content(form.get("Body"), media)
    _check_recipient(to, from_)
    late_block = _check_opt_out(from_, to, opt_outs)
    _check_options(form)
    if service is None:
        return Draft(from_, to, form.get("Body"), media, form.get("StatusCallback"), late_block)
    callback = form.get("StatusCallback") or service.status_callback
    return Draft(from_, to, form.get("Body"), media, callback, late_block, service.sid, sender_hidden=not given)


def _service(form: Form, services: MessagingServices) -> MessagingService | None:
    sid = form.get("MessagingServiceSid")
    service = services.get(sid)
    if sid and service is None:
        raise Refusal(21701, "The Messaging Service does not exist")
    return service


def _check_sender(from_: str, service: MessagingService | None, numbers: Numbers) -> None:
    if not from_:
        raise Refusal(21603, "A 'From' phone number is required.")
    if from_ in MAGIC_SENDERS:
        code, message = MAGIC_SENDERS[from_]
        raise Refusal(code, message.format(from_))
    number = numbers.find(from_)
    if number is None or not number.sms_capable or (service is not None and from_ not in service.pool):
        raise Refusal(
            21606,
            f"The From phone number {from_} is not a valid, SMS-capable inbound phone number or short code for "
            "your account.",
        )


def _check_content(body: str, media: tuple[str, ...]) -> None:
    if not body and not media:
        raise Refusal(21602, "Message body is required.")
    if utf16_units(body) > MAX_BODY:
        raise Refusal(21617, "The concatenated message body exceeds the 1600 character limit")
    if len(media) > MAX_MEDIA:
        raise Refusal(21623, "Number of media files exceeds allowed limit")


def _check_recipient(to: str, from_: str) -> None:
    if not E164.fullmatch(to):
        raise Refusal(21211, f"The 'To' number {to} is not a valid phone number.")
    if to == from_:
        raise Refusal(21266, f"'To' and 'From' number cannot be the same: {to}")
    if to in MAGIC_RECIPIENTS:
        code, message = MAGIC_RECIPIENTS[to]
        raise Refusal(code, message.format(to))


def _check_opt_out(from_: str, to: str, opt_outs: OptOuts) -> int | None:
    block = opt_outs.block(from_, to)
    if block is not None and not block.late:
        raise Refusal(block.code, "Attempt to send to unsubscribed recipient")
    return block.code if block is not None else None


def _check_options(form: Form) -> None:
    callback = form.get("StatusCallback")
    if callback and not is_http_url(callback):
        raise Refusal(21609, "The StatusCallback URL is not a valid URL.")
    validity = form.get("ValidityPeriod")
    if validity and not (validity.isdigit() and 1 <= int(validity) <= MAX_VALIDITY):
        raise Refusal(21624, "Invalid validity period value")
