"""What can stand in the way of a number, by the name of its golden file: how it comes about, and what Ready then says.

Codes are those of Twilio's answers. What the simulator cannot be brought to say by itself a fault says in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from parley_simulator.domain.faults import Kind
from parley_simulator.domain.inventory import NumberType
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.handlers.decide_papers import Verdict
from tests.kube.operator.rig import ACCOUNT_SID, Rig

Spec: TypeAlias = dict[str, Any]
Arrange: TypeAlias = Callable[[Rig], Spec]
NOT_OURS = "1" * 32
TOLL_FREE = {"country": "US", "type": "tollFree"}


def bought(code: int, status: int = 400) -> Arrange:
    """Twilio refuses to sell this very number."""
    phone_number = f"+1604555{code % 10_000:04d}"

    def arrange(rig: Rig) -> Spec:
        rig.simulator.sale.offer("CA", NumberType.LOCAL, phone_numbers=[phone_number])
        _refuse(rig, "numbers.create", phone_number, code, status)
        return {"phoneNumber": phone_number}

    return arrange


def changed(operation: str, code: int) -> Arrange:
    """Twilio refuses a change of a number that the account owns."""

    def arrange(rig: Rig) -> Spec:
        number = rig.simulator.add_number(f"+1604666{code % 10_000:04d}")
        _refuse(rig, operation, number.phone_number, code, 400)
        return {"phoneNumber": number.phone_number} | (_service(rig) if operation.startswith("services") else {})

    return arrange


def carried(last: str, brand: str = "", campaign: str = "", reason: str = "") -> Arrange:
    """A number of the United States in a messaging service, with the brand and the campaign that stand so."""

    def arrange(rig: Rig) -> Spec:
        number = rig.simulator.add_number(f"+141577700{last}", country="US")
        spec = {"country": "US", "phoneNumber": number.phone_number, **_service(rig)}
        if campaign:
            brand_sid = rig.simulator.papers.file_brand(brand or "APPROVED").sid
            filed = rig.simulator.papers.file_campaign(spec["messagingServiceSid"], brand_sid)
            rig.simulator.papers.decide(filed.sid, Verdict(campaign, reason))
        return spec

    return arrange


def verified(last: str, status: str = "", reason: str = "") -> Arrange:
    """A toll-free number, with the verification that stands so."""

    def arrange(rig: Rig) -> Spec:
        number = rig.simulator.add_number(f"+188877700{last}", country="US", kind=NumberType.TOLL_FREE)
        if status:
            filed = rig.simulator.papers.file_verification(number.phone_number)
            rig.simulator.papers.decide(filed.sid, Verdict(status, reason))
        return {**TOLL_FREE, "phoneNumber": number.phone_number}

    return arrange


def plain(**spec: Any) -> Arrange:
    """Nothing but what the resource asks for is in the way."""
    return lambda _: spec


def sold_out(rig: Rig) -> Spec:
    rig.simulator.sale.sell_out("FI", NumberType.MOBILE)
    return {"country": "FI", "type": "mobile"}


def foreign_address(rig: Rig) -> Spec:
    return {"country": "DE", "type": "mobile", "addressSid": rig.simulator.papers.file_address("US").sid}


def bundle_in_review(rig: Rig) -> Spec:
    bundle = rig.simulator.papers.file_bundle("GB", "mobile", "in-review")
    return {"country": "GB", "type": "mobile", "bundleSid": bundle.sid}


def wrong_token(rig: Rig) -> Spec:
    rig.mount("wrong", account_sid=ACCOUNT_SID, auth_token="not-the-token", api_base_url=rig.simulator.api_url)
    return {"account": "wrong"}


def broken_account(rig: Rig) -> Spec:
    rig.mount("broken", account_sid="not-a-sid")
    return {"account": "broken"}


def taking_service(rig: Rig) -> Spec:
    number = rig.simulator.add_number("+16047770001")
    change = ServiceChange(inbound_request_url="https://elsewhere.example.com/", use_inbound_webhook_on_number=False)
    return {"phoneNumber": number.phone_number, "messagingServiceSid": rig.simulator.set_service(change).sid}


def missing_service(rig: Rig) -> Spec:
    number = rig.simulator.add_number("+16047770002")
    return {"phoneNumber": number.phone_number, "messagingServiceSid": f"MG{NOT_OURS}"}


def refused_agent(rig: Rig) -> Spec:
    return {"phoneNumber": rig.simulator.add_number("+16047770003").phone_number, "agent": "No such agent!"}


FAILURES: dict[str, tuple[Arrange, str]] = {
    "20003-bad-credentials": (wrong_token, "AccountRefused"),
    "21402-webhook-refused": (changed("numbers.update", 21402), "WebhookUrlRefused"),
    "21403-webhook-method-refused": (changed("numbers.update", 21403), "WebhookUrlRefused"),
    "21404-trial-account": (bought(21404), "TrialAccount"),
    "21407-no-sms": (bought(21407), "NoSms"),
    "21420-something-else": (bought(21420), "TwilioRefused"),
    "21421-no-such-number": (plain(phoneNumber="+15005550001", country="US"), "NumberInvalid"),
    "21422-not-for-sale": (plain(phoneNumber="+16045559999"), "NumberUnavailable"),
    "21451-area-code-invalid": (bought(21451), "AreaCodeInvalid"),
    "21452-none-in-area": (plain(country="US", areaCode="907"), "NoneAvailable"),
    "21613-certified-address": (bought(21613), "AddressRequired"),
    "21615-local-address": (foreign_address, "AddressRequired"),
    "21631-address": (plain(country="AU", type="mobile"), "AddressRequired"),
    "21631-no-such-address": (plain(country="AU", type="mobile", addressSid=f"AD{NOT_OURS}"), "AddressRequired"),
    "21649-bundle": (plain(country="GB", type="mobile"), "BundleRequired"),
    "21649-bundle-in-review": (bundle_in_review, "BundleNotApproved"),
    "21650-identity": (bought(21650), "IdentityRequired"),
    "21712-in-another-service": (changed("services.numbers.create", 21712), "InAnotherService"),
    "21714-service-full": (changed("services.numbers.create", 21714), "ServiceFull"),
    "21715-service-needs-more": (changed("services.numbers.create", 21715), "NoSms"),
    "22300-account-restricted": (bought(22300, 403), "AccountRestricted"),
    "a2p-brand-failed": (carried("01", "FAILED", "VERIFIED"), "BrandNotApproved"),
    "a2p-campaign-failed": (carried("02", "", "FAILED", "The sample messages are missing."), "CampaignRejected"),
    "a2p-campaign-missing": (carried("03"), "CampaignMissing"),
    "a2p-campaign-pending": (carried("04", "", "IN_PROGRESS"), "CampaignPending"),
    "a2p-no-service": (plain(country="US", areaCode="312"), "NoMessagingService"),
    "account-broken": (broken_account, "AccountMissing"),
    "account-missing": (plain(account="absent"), "AccountMissing"),
    "country-one-way": (plain(country="IN"), "CountryOneWay"),
    "purchase-never": (plain(purchasePolicy="Never"), "PurchaseForbidden"),
    "service-missing": (missing_service, "MessagingServiceMissing"),
    "service-takes-texts": (taking_service, "MessagingServiceTakesTexts"),
    "session-refuses": (refused_agent, "SettingsRefused"),
    "sold-out": (sold_out, "NoneAvailable"),
    "toll-free-pending": (verified("01", "IN_REVIEW"), "VerificationPending"),
    "toll-free-rejected": (verified("02", "TWILIO_REJECTED", "No opt-in."), "VerificationRejected"),
    "toll-free-unverified": (verified("03"), "VerificationMissing"),
    "type-not-offered": (plain(country="FI", type="local"), "TypeNotOffered"),
}


def _refuse(rig: Rig, operation: str, phone_number: str, code: int, status: int) -> None:
    rig.simulator.add_fault(
        Kind.ERROR, count=None, operation=operation, number=phone_number, code=code, status=status, accepted=False
    )


def _service(rig: Rig) -> Spec:
    return {"messagingServiceSid": rig.simulator.set_service(ServiceChange()).sid}
