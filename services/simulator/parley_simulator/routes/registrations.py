"""A2P brands and campaigns, and toll-free verifications, as the Messaging API shows them."""

from __future__ import annotations

from collections.abc import Iterator

from parley_simulator.domain.inventory import NumberType
from parley_simulator.domain.refusals import Refusal, not_found
from parley_simulator.domain.registrations import Brand, Campaign, Verification
from parley_simulator.domain.world import World
from parley_simulator.ports import Clock, Ids
from parley_simulator.routes.listing import listed_in_meta
from parley_simulator.routes.request import ApiRequest, Entry, Reply, iso8601

BRANDS = "/v1/a2p/BrandRegistrations"
CAMPAIGNS = "/v1/Services/{sid}/Compliance/Usa2p"
VERIFICATIONS = "/v1/Tollfree/Verifications"


class RegistrationRoutes:
    def __init__(self, world: World, clock: Clock, ids: Ids) -> None:
        self._world = world
        self._kept = world.registrations
        self._clock = clock
        self._ids = ids

    def entries(self) -> Iterator[Entry]:
        yield Entry("GET", BRANDS, "brands.list", self.list_brands)
        yield Entry("POST", BRANDS, "brands.create", self.create_brand)
        yield Entry("GET", f"{BRANDS}/{{sid}}", "brands.fetch", self.fetch_brand)
        yield Entry("GET", CAMPAIGNS, "campaigns.list", self.list_campaigns)
        yield Entry("POST", CAMPAIGNS, "campaigns.create", self.create_campaign)
        yield Entry("GET", f"{CAMPAIGNS}/{{item}}", "campaigns.fetch", self.fetch_campaign)
        yield Entry("DELETE", f"{CAMPAIGNS}/{{item}}", "campaigns.delete", self.delete_campaign)
        yield Entry("GET", VERIFICATIONS, "verifications.list", self.list_verifications)
        yield Entry("POST", VERIFICATIONS, "verifications.create", self.create_verification)
        yield Entry("GET", f"{VERIFICATIONS}/{{sid}}", "verifications.fetch", self.fetch_verification)

    def list_brands(self, request: ApiRequest) -> Reply:
        return listed_in_meta(request, "data", list(self._kept.brands), lambda brand: self._brand(brand, request))

    def create_brand(self, request: ApiRequest) -> Reply:
        form, now = request.form, self._clock()
        profile, a2p = form.get("CustomerProfileBundleSid"), form.get("A2PProfileBundleSid")
        if not profile or not a2p:
            raise Refusal(20001, "CustomerProfileBundleSid and A2PProfileBundleSid are required")
        brand = Brand(
            f"BN{self._ids()}",
            now,
            now,
            brand_type=form.get("BrandType") or "STANDARD",
            customer_profile_bundle_sid=profile,
            a2p_profile_bundle_sid=a2p,
        )
        self._kept.brands.add(brand)
        return 201, self._brand(brand, request)

    def fetch_brand(self, request: ApiRequest) -> Reply:
        brand = self._kept.brands.get(request.sid)
        if brand is None:
            raise not_found(request.path)
        return 200, self._brand(brand, request)

    def list_campaigns(self, request: ApiRequest) -> Reply:
        self._check_service(request)
        found = self._kept.of_service(request.sid)
        return listed_in_meta(request, "compliance", found, lambda campaign: self._campaign(campaign, request))

    def create_campaign(self, request: ApiRequest) -> Reply:
        """Twilio has one campaign per service, and only those of a brand of the account."""
        self._check_service(request)
        form, now = request.form, self._clock()
        if self._kept.brands.get(form.get("BrandRegistrationSid")) is None:
            raise Refusal(20001, "BrandRegistrationSid is not a brand of this account")
        if self._kept.of_service(request.sid):
            raise Refusal(20409, "The Messaging Service has a campaign already", 409)
        campaign = Campaign(
            f"QE{self._ids()}",
            now,
            now,
            request.sid,
            form.get("BrandRegistrationSid"),
            usecase=form.get("UsAppToPersonUsecase"),
            description=form.get("Description"),
            message_flow=form.get("MessageFlow"),
            message_samples=tuple(form.all("MessageSamples")),
        )
        self._kept.campaigns.add(campaign)
        return 201, self._campaign(campaign, request)

    def fetch_campaign(self, request: ApiRequest) -> Reply:
        return 200, self._campaign(self._find_campaign(request), request)

    def delete_campaign(self, request: ApiRequest) -> Reply:
        self._kept.campaigns.remove(self._find_campaign(request))
        return 204, None

    def list_verifications(self, request: ApiRequest) -> Reply:
        query = request.query
        sid, status = query.get("TollfreePhoneNumberSid"), query.get("Status")
        found = [
            verification
            for verification in self._kept.verifications
            if sid in ("", verification.number_sid) and status in ("", verification.status)
        ]
        return listed_in_meta(request, "verifications", found, lambda found: self._verification(found, request))

    def create_verification(self, request: ApiRequest) -> Reply:
        form, now = request.form, self._clock()
        number = self._world.numbers.get(form.get("TollfreePhoneNumberSid"))
        if number is None or number.type is not NumberType.TOLL_FREE:
            raise Refusal(20001, "TollfreePhoneNumberSid is not a toll-free number of this account")
        if self._kept.of_number(number.sid):
            raise Refusal(20409, "The number has a verification already", 409)
        verification = Verification(
            f"HH{self._ids()}",
            now,
            now,
            number.sid,
            number.phone_number,
            business_name=form.get("BusinessName"),
        )
        self._kept.verifications.add(verification)
        return 201, self._verification(verification, request)

    def fetch_verification(self, request: ApiRequest) -> Reply:
        verification = self._kept.verifications.get(request.sid)
        if verification is None:
            raise not_found(request.path)
        return 200, self._verification(verification, request)

    def _check_service(self, request: ApiRequest) -> None:
        if self._world.services.get(request.sid) is None:
            raise not_found(request.path)

    def _find_campaign(self, request: ApiRequest) -> Campaign:
        self._check_service(request)
        campaign = self._kept.campaigns.get(request.item)
        if campaign is None or campaign.service_sid != request.sid:
            raise not_found(request.path)
        return campaign

    def _brand(self, brand: Brand, request: ApiRequest) -> dict[str, object]:
        url = request.url(f"{BRANDS}/{brand.sid}")
        return {
            "a2p_profile_bundle_sid": brand.a2p_profile_bundle_sid or None,
            "account_sid": self._world.account.sid,
            "brand_feedback": [],
            "brand_score": None,
            "brand_type": brand.brand_type,
            "customer_profile_bundle_sid": brand.customer_profile_bundle_sid or None,
            "date_created": iso8601(brand.created),
            "date_updated": iso8601(brand.updated),
            "errors": [],
            "failure_reason": brand.failure_reason or None,
            "government_entity": False,
            "identity_status": brand.identity_status,
            "links": {"brand_vettings": f"{url}/Vettings"},
            "mock": False,
            "russell_3000": False,
            "sid": brand.sid,
            "skip_automatic_sec_vet": False,
            "status": brand.status,
            "tax_exempt_status": None,
            "tcr_id": None,
            "url": url,
        }

    def _campaign(self, campaign: Campaign, request: ApiRequest) -> dict[str, object]:
        return {
            "account_sid": self._world.account.sid,
            "brand_registration_sid": campaign.brand_sid or None,
            "campaign_id": None,
            "campaign_status": campaign.status,
            "date_created": iso8601(campaign.created),
            "date_updated": iso8601(campaign.updated),
            "description": campaign.description,
            "errors": [{"error_code": 30896, "description": text, "fields": []} for text in campaign.errors],
            "has_embedded_links": False,
            "has_embedded_phone": False,
            "is_externally_registered": False,
            "message_flow": campaign.message_flow,
            "message_samples": list(campaign.message_samples),
            "messaging_service_sid": campaign.service_sid,
            "mock": False,
            "rate_limits": None,
            "sid": campaign.sid,
            "url": request.url(f"/v1/Services/{campaign.service_sid}/Compliance/Usa2p/{campaign.sid}"),
            "us_app_to_person_usecase": campaign.usecase,
        }

    def _verification(self, verification: Verification, request: ApiRequest) -> dict[str, object]:
        reason = verification.rejection_reason
        return {
            "account_sid": self._world.account.sid,
            "business_name": verification.business_name,
            "date_created": iso8601(verification.created),
            "date_updated": iso8601(verification.updated),
            "edit_allowed": verification.edit_allowed,
            "edit_expiration": None,
            "error_code": None,
            "rejection_reason": reason or None,
            "rejection_reasons": [{"reason": reason, "code": 30485}] if reason else [],
            "sid": verification.sid,
            "status": verification.status,
            "tollfree_phone_number": verification.phone_number,
            "tollfree_phone_number_sid": verification.number_sid,
            "url": request.url(f"{VERIFICATIONS}/{verification.sid}"),
        }
