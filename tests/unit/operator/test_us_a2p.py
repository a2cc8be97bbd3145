"""What carriers of the United States ask for, as a condition that names the next step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parley_operator.domain.facts import Campaign, Offer, Service, Verification
from tests.unit.operator.world import SPEC, World

MG = "MG" + "a" * 32
LOCAL = replace(SPEC, country="US", type="local", messaging_service_sid=MG)
TOLL_FREE = replace(SPEC, country="US", type="tollFree")


async def settled(spec: object, offer: str, campaign: Campaign, verification: Verification) -> World:
    world = World(spec)  # type: ignore[arg-type]
    world.twilio.services = {MG: Service(MG)}
    world.twilio.for_sale = [Offer(offer)]
    world.twilio.campaign, world.twilio.verification = campaign, verification
    await world.settle(rounds=4)
    return world


@pytest.mark.parametrize(
    ("campaign", "status", "reason", "ready"),
    [
        (Campaign(), "False", "CampaignMissing", "False"),
        (Campaign("IN_PROGRESS"), "False", "CampaignPending", "False"),
        (Campaign("PENDING", "APPROVED"), "False", "CampaignPending", "False"),
        (Campaign("FAILED", "APPROVED", "no opt-in"), "False", "CampaignRejected", "False"),
        (Campaign("SUSPENDED"), "False", "CampaignRejected", "False"),
        (Campaign("VERIFIED", "SUSPENDED"), "False", "BrandNotApproved", "False"),
        (Campaign("VERIFIED", "APPROVED"), "Unknown", "CampaignVerified", "True"),
    ],
)
async def test_a_local_number_needs_a_verified_campaign(
    campaign: Campaign, status: str, reason: str, ready: str
) -> None:
    world = await settled(LOCAL, "+14155550123", campaign, Verification())
    assert world.condition("UsA2p") == (status, reason)
    assert world.condition("Ready")[0] == ready
    assert campaign.errors in world.resource.status.conditions["UsA2p"].message


async def test_a_local_number_without_a_messaging_service_is_told_to_have_one() -> None:
    world = await settled(replace(LOCAL, messaging_service_sid=""), "+14155550123", Campaign(), Verification())
    assert world.condition("Ready") == ("False", "NoMessagingService")
    assert "spec.messagingServiceSid" in world.resource.status.conditions["Ready"].message


@pytest.mark.parametrize(
    ("verification", "status", "reason"),
    [
        (Verification(), "False", "VerificationMissing"),
        (Verification("PENDING_REVIEW"), "False", "VerificationPending"),
        (Verification("IN_REVIEW"), "False", "VerificationPending"),
        (Verification("TWILIO_REJECTED", "no consent"), "False", "VerificationRejected"),
        (Verification("TWILIO_APPROVED"), "True", "TollFreeVerified"),
    ],
)
async def test_a_toll_free_number_needs_a_verification(verification: Verification, status: str, reason: str) -> None:
    world = await settled(TOLL_FREE, "+18885550123", Campaign(), verification)
    assert world.condition("UsA2p") == (status, reason)
    assert world.condition("Ready")[0] == status
    assert verification.rejection in world.resource.status.conditions["UsA2p"].message


async def test_a_number_of_another_country_needs_neither() -> None:
    world = await settled(SPEC, "+447900000001", Campaign(), Verification())
    assert world.condition("UsA2p") == ("True", "NotApplicable")
