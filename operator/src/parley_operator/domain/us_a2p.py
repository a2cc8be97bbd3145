"""What carriers of the United States ask for: a campaign for local numbers, a verification for toll-free ones."""

from __future__ import annotations

from parley_operator.domain.conditions import US_A2P
from parley_operator.domain.countries import is_american, is_toll_free
from parley_operator.domain.facts import Campaign, Facts, OwnedNumber, Verification
from parley_operator.domain.finding import Finding, fails, holds, not_yet, open_question, unseen

BLOCKED = "Carriers may block texts to and from the number."


def us_a2p(facts: Facts) -> Finding:
    number, country = facts.number, facts.resource.spec.country
    phone_number = number.phone_number if number is not None else facts.resource.spec.phone_number
    if not is_american(country, phone_number):
        return holds(US_A2P, "NotApplicable", "The number is not of the United States.")
    if (blind := unseen(facts, US_A2P)) is not None:
        return blind
    if number is None:
        return not_yet(US_A2P)
    if is_toll_free(phone_number):
        return _toll_free(facts.verification) if facts.verification is not None else _unseen()
    return _local(facts, number)


def _unseen() -> Finding:
    return open_question(US_A2P, "NotSeen", "Twilio did not tell the state of the registration. It is asked again.")


def _local(facts: Facts, number: OwnedNumber) -> Finding:
    if facts.service is None:
        if facts.resource.spec.messaging_service_sid:
            return open_question(US_A2P, "NotAttached", "The number is not in its messaging service yet.")
        return fails(
            US_A2P,
            "NoMessagingService",
            f"{BLOCKED} Register a brand and a campaign (A2P 10DLC) in Twilio's console, and put the Sid of the "
            "campaign's messaging service into spec.messagingServiceSid.",
        )
    if facts.campaign is None:
        return _unseen()
    return _campaign(facts.campaign, facts.service.sid)


def _campaign(campaign: Campaign, service: str) -> Finding:
    status, brand = campaign.status.upper(), campaign.brand_status.upper()
    if not status:
        advice = f"Register a campaign (A2P 10DLC) for messaging service {service} in Twilio's console."
        return fails(US_A2P, "CampaignMissing", f"{BLOCKED} {advice}")
    if status in ("IN_PROGRESS", "PENDING"):
        return fails(US_A2P, "CampaignPending", f"{BLOCKED} The campaign is under review; that takes days.")
    if status != "VERIFIED":
        said = f" Twilio says: {campaign.errors}" if campaign.errors else ""
        advice = "Correct the campaign in Twilio's console and submit it again."
        return fails(US_A2P, "CampaignRejected", f"{BLOCKED} The campaign is {status}. {advice}{said}")
    if brand and brand != "APPROVED":
        return fails(
            US_A2P, "BrandNotApproved", f"{BLOCKED} The campaign's brand is {brand}. See to it in the console."
        )
    return open_question(
        US_A2P,
        "CampaignVerified",
        "The campaign is verified. Twilio does not tell whether carriers know the number yet: error 30034 of a message "
        "says that they do not.",
    )


def _toll_free(verification: Verification) -> Finding:
    status = verification.status.upper()
    if status == "TWILIO_APPROVED":
        return holds(US_A2P, "TollFreeVerified", "The toll-free number is verified.")
    if not status:
        return fails(US_A2P, "VerificationMissing", f"{BLOCKED} Ask for a toll-free verification in Twilio's console.")
    if status == "TWILIO_REJECTED":
        said = f" Twilio says: {verification.rejection}" if verification.rejection else ""
        advice = "Correct the toll-free verification in Twilio's console and submit it again."
        return fails(US_A2P, "VerificationRejected", f"{BLOCKED} {advice}{said}")
    return fails(US_A2P, "VerificationPending", f"{BLOCKED} The toll-free verification is under review.")
