"""Addresses (2010 API) and regulatory bundles (/v2/RegulatoryCompliance/Bundles), and the account itself."""

from __future__ import annotations

from collections.abc import Iterator

from parley_simulator.domain.papers import (
    BUNDLE_STATUSES,
    BUNDLE_TYPES,
    DRAFT,
    PENDING_REVIEW,
    Address,
    Bundle,
    fill_address,
)
from parley_simulator.domain.refusals import Refusal, not_found
from parley_simulator.domain.world import World
from parley_simulator.ports import Clock, Ids
from parley_simulator.routes.listing import listed, listed_in_meta
from parley_simulator.routes.request import ACCOUNT, API_VERSION, ApiRequest, Entry, Reply, iso8601, rfc2822

BUNDLES = "/v2/RegulatoryCompliance/Bundles"


class PaperRoutes:
    def __init__(self, world: World, clock: Clock, ids: Ids) -> None:
        self._world = world
        self._papers = world.papers
        self._clock = clock
        self._ids = ids

    def entries(self) -> Iterator[Entry]:
        yield Entry("GET", f"{ACCOUNT}.json", "accounts.fetch", self.fetch_account)
        addresses, address = f"{ACCOUNT}/Addresses.json", f"{ACCOUNT}/Addresses/{{sid}}.json"
        yield Entry("GET", addresses, "addresses.list", self.list_addresses)
        yield Entry("POST", addresses, "addresses.create", self.create_address)
        yield Entry("GET", address, "addresses.fetch", self.fetch_address)
        yield Entry("POST", address, "addresses.update", self.update_address)
        yield Entry("DELETE", address, "addresses.delete", self.delete_address)
        yield Entry("GET", BUNDLES, "bundles.list", self.list_bundles)
        yield Entry("POST", BUNDLES, "bundles.create", self.create_bundle)
        yield Entry("GET", f"{BUNDLES}/{{sid}}", "bundles.fetch", self.fetch_bundle)
        yield Entry("POST", f"{BUNDLES}/{{sid}}", "bundles.update", self.update_bundle)

    def fetch_account(self, request: ApiRequest) -> Reply:
        account, standing = self._world.account.sid, self._world.standing
        return 200, {
            "friendly_name": "Simulated account",
            "owner_account_sid": account,
            "sid": account,
            "status": "active",
            "type": "Trial" if standing.trial else "Full",
            "uri": request.path,
        }

    def list_addresses(self, request: ApiRequest) -> Reply:
        country, name = request.query.get("IsoCountry"), request.query.get("FriendlyName")
        found = [
            address
            for address in self._papers.addresses
            if country in ("", address.iso_country) and name in ("", address.friendly_name)
        ]
        return listed(request, "addresses", found, self._address)

    def create_address(self, request: ApiRequest) -> Reply:
        country, now = request.form.get("IsoCountry"), self._clock()
        if len(country) != 2:
            raise Refusal(20001, "IsoCountry must be a country's code of two letters")
        address = Address(f"AD{self._ids()}", now, now, country.upper())
        fill_address(address, request.form, now)
        self._papers.addresses.add(address)
        return 201, self._address(address)

    def fetch_address(self, request: ApiRequest) -> Reply:
        return 200, self._address(self._find_address(request))

    def update_address(self, request: ApiRequest) -> Reply:
        address = self._find_address(request)
        fill_address(address, request.form, self._clock())
        return 200, self._address(address)

    def delete_address(self, request: ApiRequest) -> Reply:
        address = self._find_address(request)
        if any(number.address_sid == address.sid for number in self._world.numbers):
            raise Refusal(21627, "The address is in use by a phone number")
        self._papers.addresses.remove(address)
        return 204, None

    def list_bundles(self, request: ApiRequest) -> Reply:
        query = request.query
        wanted = {"status": "Status", "friendly_name": "FriendlyName", "iso_country": "IsoCountry"}
        found = [
            bundle
            for bundle in self._papers.bundles
            if all(query.get(name) in ("", getattr(bundle, attribute)) for attribute, name in wanted.items())
            and query.get("NumberType") in ("", bundle.number_type)
        ]
        return listed_in_meta(request, "results", found, lambda bundle: self._bundle(bundle, request))

    def create_bundle(self, request: ApiRequest) -> Reply:
        form, now = request.form, self._clock()
        if not form.get("FriendlyName") or not form.get("Email"):
            raise Refusal(20001, "FriendlyName and Email are required")
        if form.get("NumberType") not in ("", *BUNDLE_TYPES):
            raise Refusal(20001, f"NumberType must be one of {', '.join(BUNDLE_TYPES)}")
        bundle = Bundle(f"BU{self._ids()}", now, now, form.get("FriendlyName"), form.get("Email"))
        bundle.iso_country, bundle.number_type = form.get("IsoCountry").upper(), form.get("NumberType")
        bundle.end_user_type = form.get("EndUserType") or bundle.end_user_type
        self._papers.bundles.add(bundle)
        return 201, self._bundle(bundle, request)

    def fetch_bundle(self, request: ApiRequest) -> Reply:
        return 200, self._bundle(self._find_bundle(request), request)

    def update_bundle(self, request: ApiRequest) -> Reply:
        """The account itself may hand a bundle in, or take it back; Twilio decides on it."""
        bundle, status = self._find_bundle(request), request.form.get("Status")
        if status not in ("", DRAFT, PENDING_REVIEW):
            reason = "is decided by Twilio" if status in BUNDLE_STATUSES else "is no status"
            raise Refusal(20001, f"Status: {status} {reason}")
        bundle.status = status or bundle.status
        bundle.friendly_name = request.form.get("FriendlyName") or bundle.friendly_name
        bundle.email = request.form.get("Email") or bundle.email
        bundle.updated = self._clock()
        return 200, self._bundle(bundle, request)

    def _find_address(self, request: ApiRequest) -> Address:
        address = self._papers.addresses.get(request.sid)
        if address is None:
            raise not_found(request.path)
        return address

    def _find_bundle(self, request: ApiRequest) -> Bundle:
        bundle = self._papers.bundles.get(request.sid)
        if bundle is None:
            raise not_found(request.path)
        return bundle

    def _address(self, address: Address) -> dict[str, object]:
        account = self._world.account.sid
        return {
            "account_sid": account,
            "city": address.city,
            "customer_name": address.customer_name,
            "date_created": rfc2822(address.created),
            "date_updated": rfc2822(address.updated),
            "emergency_enabled": False,
            "friendly_name": address.friendly_name or None,
            "iso_country": address.iso_country,
            "postal_code": address.postal_code,
            "region": address.region,
            "sid": address.sid,
            "street": address.street,
            "street_secondary": None,
            "uri": f"/{API_VERSION}/Accounts/{account}/Addresses/{address.sid}.json",
            "validated": True,
            "verified": False,
        }

    def _bundle(self, bundle: Bundle, request: ApiRequest) -> dict[str, object]:
        url = request.url(f"{BUNDLES}/{bundle.sid}")
        return {
            "account_sid": self._world.account.sid,
            "date_created": iso8601(bundle.created),
            "date_updated": iso8601(bundle.updated),
            "email": bundle.email,
            "friendly_name": bundle.friendly_name,
            "links": {"item_assignments": f"{url}/ItemAssignments"},
            "regulation_sid": None,
            "sid": bundle.sid,
            "status": bundle.status,
            "status_callback": None,
            "url": url,
            "valid_until": None,
        }
