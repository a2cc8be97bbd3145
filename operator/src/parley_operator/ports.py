"""What the use cases need from outside: the API server, Twilio accounts, the session service's register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Verification
from parley_operator.domain.resource import Key, Resource, Status
from parley_operator.domain.steps import Buy, Registration, Search


class Cluster(Protocol):
    """The API server. All methods raise ClusterUnavailable; those that write raise Conflict when the resource is not
    as it was read, or gone."""

    async def list(self) -> Sequence[Resource]:
        """The PhoneNumbers that we look after."""

    async def get(self, key: Key) -> Resource | None: ...

    async def write_status(self, resource: Resource, status: Status) -> Resource: ...

    async def write_finalizer(self, resource: Resource, *, present: bool) -> Resource | None:
        """None: with its last finalizer the resource went too."""

    async def post_event(self, resource: Resource, reason: str, message: str, *, is_warning: bool) -> None: ...

    async def is_namespace_ending(self, namespace: str) -> bool | None:
        """None: we may not know."""

    async def is_kind_ending(self) -> bool | None: ...


class Account(Protocol):
    """One Twilio account. All methods raise Refused with what it means."""

    @property
    def sid(self) -> str: ...

    async def list_numbers(self) -> Sequence[OwnedNumber]: ...

    async def find_numbers(self, *, phone_number: str = "", friendly_name: str = "") -> Sequence[OwnedNumber]:
        """Those that are exactly so."""

    async def fetch_number(self, sid: str) -> OwnedNumber | None: ...

    async def search(self, search: Search) -> Sequence[Offer]: ...

    async def buy(self, buy: Buy) -> OwnedNumber: ...

    async def configure(self, sid: str, fields: Mapping[str, str]) -> OwnedNumber: ...

    async def release(self, sid: str) -> None: ...

    async def list_services(self) -> Sequence[Service]: ...

    async def attach(self, service_sid: str, sid: str) -> None: ...

    async def detach(self, service_sid: str, sid: str) -> None: ...

    async def fetch_campaign(self, service_sid: str) -> Campaign: ...

    async def list_verifications(self) -> Mapping[str, Verification]:
        """Of toll-free numbers, by the number's sid: the latest of each."""

    async def fetch_bundle_status(self, sid: str) -> str:
        """Empty: there is none."""


@dataclass(frozen=True, slots=True)
class NoAccount:
    """Why an account cannot be used."""

    problem: str


class Accounts(Protocol):
    """The mounted Twilio accounts."""

    def find(self, name: str) -> Account | NoAccount: ...

    def reload(self) -> Sequence[str]:
        """Reads what has changed since; the names of the accounts that are others now, or gone."""


class Register(Protocol):
    """The session service's register of numbers. All methods raise Refused."""

    async def list(self) -> Sequence[Registration]: ...

    async def write(self, registration: Registration) -> Registration:
        """Registers the number, or changes what is known of it."""

    async def switch_sending(self, phone_number: str, *, sending: bool) -> bool:
        """Whether the number is known."""

    async def delete(self, phone_number: str) -> None: ...


class ClusterAccess(Protocol):
    """How the API server is reached; PEM texts, "" for none."""

    @property
    def server(self) -> str: ...

    @property
    def authority(self) -> str: ...

    @property
    def certificate(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def insecure(self) -> bool: ...

    def bearer(self) -> str:
        """The token as it is now, or "". Raises OSError."""
