"""Where Twilio hands the texts of a number to: its messaging service and its webhook, set last and kept so."""

from __future__ import annotations

from parley_operator.domain.conditions import WEBHOOK_CONFIGURED
from parley_operator.domain.facts import Facts, OwnedNumber, Terms
from parley_operator.domain.failures import LATER
from parley_operator.domain.finding import Finding, fails, holds, not_yet, open_question, stopped_by, unseen
from parley_operator.domain.register import registration_of
from parley_operator.domain.steps import Attach, Configure, Detach

# Field of Twilio's API: what it is called in an event.
NAMES = {
    "SmsUrl": "webhook",
    "SmsMethod": "webhook method",
    "SmsFallbackUrl": "fallback webhook",
    "SmsFallbackMethod": "fallback method",
    "SmsApplicationSid": "TwiML application",
}


def route(facts: Facts) -> Finding:
    if (blind := unseen(facts, WEBHOOK_CONFIGURED)) is not None:
        return blind
    number = facts.number
    if number is None:
        return not_yet(WEBHOOK_CONFIGURED)
    if facts.rival:
        return fails(WEBHOOK_CONFIGURED, "NumberContested", f"PhoneNumber {facts.rival} looks after the webhook.")
    if not number.sms:
        return fails(WEBHOOK_CONFIGURED, "NoSms", "A number without SMS gets no webhook.")
    is_known = facts.session is None and facts.registration is not None
    if not is_known and number.sms_url != facts.terms.sms_url:
        return open_question(WEBHOOK_CONFIGURED, "WaitsForRegistration", "The webhook is set once texts can be taken.")
    return _in_service(facts, number) or _webhook(facts, number)


def drift(number: OwnedNumber, terms: Terms) -> dict[str, str]:
    """The fields of Twilio's API that are not as they should be, as they should be."""
    wanted = {
        "SmsUrl": (number.sms_url, terms.sms_url),
        "SmsMethod": (number.sms_method, "POST"),
        "SmsFallbackUrl": (number.sms_fallback_url, terms.sms_fallback_url),
        "SmsFallbackMethod": (number.sms_fallback_method, "POST"),
        # An application takes the texts, whatever the webhook is.
        "SmsApplicationSid": (number.sms_application_sid, ""),
    }
    return {name: to_be for name, (is_, to_be) in wanted.items() if is_ != to_be}


def _in_service(facts: Facts, number: OwnedNumber) -> Finding | None:
    """Sees to it that the number is in the messaging service that the spec names, if it names one."""
    sid = facts.resource.spec.messaging_service_sid
    failure = facts.failures.get(Attach) or facts.failures.get(Detach)
    if not sid or (facts.service is not None and facts.service.sid == sid):
        return None
    if facts.wanted_service is None:
        return fails(
            WEBHOOK_CONFIGURED,
            "MessagingServiceMissing",
            "The account has no messaging service with the Sid in spec.messagingServiceSid. Create it, or "
            "correct the Sid.",
            retry_after=LATER,
        )
    if failure is not None:
        return stopped_by(facts, WEBHOOK_CONFIGURED, failure)
    step = Detach(facts.service.sid, number.sid) if facts.service is not None else Attach(sid, number.sid)
    return open_question(WEBHOOK_CONFIGURED, "InProgress", "The number is being put into its messaging service.", step)


def _webhook(facts: Facts, number: OwnedNumber) -> Finding:
    if (failure := facts.failures.get(Configure)) is not None:
        return stopped_by(facts, WEBHOOK_CONFIGURED, failure)
    if facts.registration is not None and facts.registration.agent != registration_of(facts).agent:
        return open_question(WEBHOOK_CONFIGURED, "WaitsForRegistration", "The webhook is set once texts can be taken.")
    fields = drift(number, facts.terms)
    if fields:
        was_ours = facts.terms.sms_url == number.sms_url or _was_configured(facts)
        repairs = ", ".join(NAMES[name] for name in fields) if was_ours else ""
        step = Configure(number.sid, fields, repairs)
        return open_question(WEBHOOK_CONFIGURED, "InProgress", "The webhook is being set.", step)
    service = facts.service
    if service is not None and not service.defers_to_number and service.inbound_url != facts.terms.sms_url:
        return fails(
            WEBHOOK_CONFIGURED,
            "MessagingServiceTakesTexts",
            f"The number is in messaging service {service.sid}, which takes its texts itself. Let it defer to "
            "the sender's webhook, give it Parley's webhook as its own, or take the number out.",
        )
    return holds(WEBHOOK_CONFIGURED, "WebhookConfigured", "Twilio hands texts to the number to Parley's gateway.")


def _was_configured(facts: Facts) -> bool:
    before = facts.resource.status.conditions.get(WEBHOOK_CONFIGURED)
    return before is not None and before.reason in ("WebhookConfigured", "MessagingServiceTakesTexts")
