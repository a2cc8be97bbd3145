"""A small world around one resource: a Twilio that sells and forgets to answer, an API server, a register of numbers.

Each request may be the last of its process: the world is told which one, and whether it still took effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from parley_operator.domain.facts import Campaign, Offer, OwnedNumber, Service, Terms, Verification
from parley_operator.domain.failures import UNCLEAR, UNREACHABLE, refusal
from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import FINALIZER, RELEASE, Key, Resource, Spec, Status
from parley_operator.domain.steps import Buy, Registration, Search
from parley_operator.errors import ClusterUnavailable, Conflict, Refused
from parley_operator.handlers.apply_step import ApplyStep
from parley_operator.handlers.gather_facts import GatherFacts, ObservedAccounts
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.handlers.reconcile_number import ReconcileNumber
from parley_operator.handlers.tell_events import TellEvents
from parley_operator.ports import Account, NoAccount

TERMS = Terms(sms_url="https://gateway.example.com/twilio/sms", sms_fallback_url="https://gateway.example.com/fallback")
KEY: Key = ("shop", "support")
SPEC = Spec(country="GB", agent="support", type="mobile")
START = 1_800_000_000.0


class Killed(BaseException):
    """The process is gone. No handler may catch it."""


@dataclass
class Fates:
    """What becomes of the requests that change something, in their order; after the last all goes well."""

    left: list[str] = field(default_factory=list)
    made: int = 0

    def next(self) -> str:
        self.made += 1
        return self.left.pop(0) if self.left else "done"


def meet(fates: Fates, of: str = "twilio") -> str:
    """What becomes of a request before it has an effect: `killed-before`, `busy`, `unreachable`; else it goes on."""
    fate = fates.next()
    if fate == "killed-before":
        raise Killed
    if fate in ("busy", "unreachable"):
        raise (
            ClusterUnavailable("away")
            if of == "cluster"
            else Refused(refusal(429, 20429) if fate == "busy" else UNREACHABLE)
        )
    return fate


def after(fate: str, of: str = "twilio") -> None:
    """And after it: `killed-after`, or `lost`: it is done, and nobody is told."""
    if fate == "killed-after":
        raise Killed
    if fate == "lost":
        raise ClusterUnavailable("away") if of == "cluster" else Refused(UNCLEAR)


class MemoryTwilio:
    """The port Account, and what Twilio knows."""

    sid = "AC" + "1" * 32

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self.numbers: dict[str, OwnedNumber] = {}
        self.for_sale = [Offer(f"+4479{index:08d}") for index in range(8)]
        self.stolen: set[str] = set()
        """Offered still, and sold to somebody else a moment ago."""
        self.services: dict[str, Service] = {}
        self.campaign = Campaign()
        self.verification = Verification()
        self.bundle = ""
        self.bought: list[str] = []
        self.released: list[str] = []
        self.calls = 0
        self.purchases = 0
        """Requests to buy."""
        self.outage = False

    def own(self, phone_number: str, **fields: object) -> OwnedNumber:
        sid = f"PN{len(self.numbers) + len(self.released):032x}"
        self.numbers[sid] = replace(OwnedNumber(sid, phone_number, created=START), **fields)  # type: ignore[arg-type]
        return self.numbers[sid]

    def _called(self) -> None:
        self.calls += 1
        if self.outage:
            raise Refused(UNREACHABLE)

    async def list_numbers(self) -> Sequence[OwnedNumber]:
        self._called()
        return list(self.numbers.values())

    async def find_numbers(self, *, phone_number: str = "", friendly_name: str = "") -> Sequence[OwnedNumber]:
        self._called()
        return [
            number
            for number in self.numbers.values()
            if phone_number in ("", number.phone_number) and friendly_name in ("", number.friendly_name)
        ]

    async def fetch_number(self, sid: str) -> OwnedNumber | None:
        self._called()
        return self.numbers.get(sid)

    async def search(self, search: Search) -> Sequence[Offer]:
        self._called()
        return list(self.for_sale)

    async def buy(self, buy: Buy) -> OwnedNumber:
        self._called()
        self.purchases += 1
        fate = meet(self.fates)
        offer = next((one for one in self.for_sale if one.phone_number == buy.phone_number), None)
        if offer is None or buy.phone_number in self.stolen:
            self.for_sale = [one for one in self.for_sale if one is not offer]
            raise Refused(refusal(400, 21422))
        if offer.address != "none" and not buy.address_sid:
            raise Refused(refusal(400, 21631))
        self.for_sale.remove(offer)
        self.bought.append(buy.phone_number)
        number = self.own(buy.phone_number, friendly_name=buy.friendly_name)
        after(fate)
        return number

    async def configure(self, sid: str, fields: Mapping[str, str]) -> OwnedNumber:
        self._called()
        fate = meet(self.fates)
        if sid not in self.numbers:
            raise Refused(refusal(404, 20404))
        names = {
            "SmsUrl": "sms_url",
            "SmsMethod": "sms_method",
            "SmsFallbackUrl": "sms_fallback_url",
            "SmsFallbackMethod": "sms_fallback_method",
            "SmsApplicationSid": "sms_application_sid",
        }
        changes = {names[name]: value for name, value in fields.items()}
        self.numbers[sid] = replace(self.numbers[sid], **changes)  # type: ignore[arg-type]
        after(fate)
        return self.numbers[sid]

    async def release(self, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        if self.numbers.pop(sid, None) is not None:
            self.released.append(sid)
        after(fate)

    async def list_services(self) -> Sequence[Service]:
        self._called()
        return list(self.services.values())

    async def attach(self, service_sid: str, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        service = self.services[service_sid]
        self.services[service_sid] = replace(service, members=service.members | {sid})
        after(fate)

    async def detach(self, service_sid: str, sid: str) -> None:
        self._called()
        fate = meet(self.fates)
        service = self.services[service_sid]
        self.services[service_sid] = replace(service, members=service.members - {sid})
        after(fate)

    async def fetch_campaign(self, service_sid: str) -> Campaign:
        self._called()
        return self.campaign

    async def list_verifications(self) -> Mapping[str, Verification]:
        self._called()
        return dict.fromkeys(self.numbers, self.verification)

    async def fetch_bundle_status(self, sid: str) -> str:
        self._called()
        return self.bundle


class MemoryAccounts:
    def __init__(self, account: Account) -> None:
        self.account: Account | NoAccount = account

    def find(self, name: str) -> Account | NoAccount:
        return self.account

    def reload(self) -> Sequence[str]:
        return []


class MemoryRegister:
    """The port Register."""

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self.numbers: dict[str, Registration] = {}
        self.problem: Refused | None = None

    async def list(self) -> Sequence[Registration]:
        if self.problem is not None:
            raise self.problem
        return list(self.numbers.values())

    async def write(self, registration: Registration) -> Registration:
        fate = meet(self.fates)
        if self.problem is not None:
            raise self.problem
        self.numbers[registration.phone_number] = registration
        after(fate)
        return registration

    async def switch_sending(self, phone_number: str, *, sending: bool) -> bool:
        if phone_number not in self.numbers:
            return False
        self.numbers[phone_number] = replace(self.numbers[phone_number], sending=sending)
        return True

    async def delete(self, phone_number: str) -> None:
        fate = meet(self.fates)
        self.numbers.pop(phone_number, None)
        after(fate)


class MemoryCluster:
    """The port Cluster: every write is made against a version."""

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self.resources: dict[Key, Resource] = {}
        self.events: list[tuple[str, str]] = []
        self.namespace_ending: bool | None = False
        self.kind_ending: bool | None = False
        self._version = 0

    def put(self, resource: Resource) -> Resource:
        self._version += 1
        stored = replace(resource, version=str(self._version))
        self.resources[resource.key] = stored
        return stored

    def edit(self, key: Key = KEY, **spec: object) -> None:
        before = self.resources[key]
        changed = replace(before.spec, **spec)  # type: ignore[arg-type]
        self.put(replace(before, spec=changed, generation=before.generation + 1))

    def delete(self, key: Key = KEY) -> None:
        """As the API server does: at once where nobody asked it to wait."""
        if self.resources[key].finalizers:
            self.put(replace(self.resources[key], deleting=True))
        else:
            del self.resources[key]

    async def list(self) -> Sequence[Resource]:
        return list(self.resources.values())

    async def get(self, key: Key) -> Resource | None:
        return self.resources.get(key)

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        fate = meet(self.fates, "cluster")
        self._check(resource)
        stored = self.put(replace(resource, status=status))
        after(fate, "cluster")
        return stored

    async def write_finalizer(self, resource: Resource, *, present: bool) -> Resource | None:
        fate = meet(self.fates, "cluster")
        self._check(resource)
        stored = self.put(replace(resource, finalizers=(FINALIZER,) if present else ()))
        if stored.deleting and not present:
            del self.resources[resource.key]
        after(fate, "cluster")
        return None if stored.deleting and not present else stored

    async def post_event(self, resource: Resource, reason: str, message: str, *, is_warning: bool) -> None:
        self.events.append((reason, message))

    async def is_namespace_ending(self, namespace: str) -> bool | None:
        return self.namespace_ending

    async def is_kind_ending(self) -> bool | None:
        return self.kind_ending

    def _check(self, resource: Resource) -> None:
        current = self.resources.get(resource.key)
        if current is None or current.version != resource.version:
            raise Conflict("the resource is not as it was read")


class World:
    """`live` is one process of the operator, from its start to its next kill."""

    def __init__(self, spec: Spec = SPEC, terms: Terms = TERMS, fates: Sequence[str] = ()) -> None:
        self.fates = Fates(list(fates))
        self.twilio = MemoryTwilio(self.fates)
        self.register = MemoryRegister(self.fates)
        self.cluster = MemoryCluster(self.fates)
        self.accounts = MemoryAccounts(self.twilio)
        self.terms = terms
        self.now = START
        self.add(KEY, spec)
        self.start()

    def add(self, key: Key, spec: Spec, **fields: object) -> None:
        namespace, name = key
        uid, created = f"uid-of-{name}", f"2026-01-{len(self.cluster.resources) + 1:02d}T00:00:00Z"
        resource = Resource(namespace, name, uid, "", 1, created, spec)
        self.cluster.put(replace(resource, **fields))  # type: ignore[arg-type]

    def start(self, age: float = 0.0) -> None:
        """A new process, which remembers nothing; and lists for `age` seconds from then on."""
        self.known, tell = KnownResources(), TellEvents(self.cluster)
        for resource in self.cluster.resources.values():
            self.known.note(resource)
        accounts, register = ObservedAccounts(self.accounts, age), ObservedRegister(self.register, age)
        gather = GatherFacts(self.cluster, accounts, register, self.known, self.terms, self.clock)
        apply = ApplyStep(self.cluster, accounts, register, self.known, tell, self.clock)
        self.reconcile = ReconcileNumber(self.cluster, self.known, gather, apply, tell)

    def clock(self) -> float:
        return self.now

    async def live(self, key: Key = KEY) -> float | None:
        """One reconciliation; a killed process is followed by another."""
        for resource in self.cluster.resources.values():
            self.known.note(resource)
        try:
            return await self.reconcile(key)
        except Killed:
            self.start()
            return 0.0
        except (Conflict, ClusterUnavailable):
            return 0.0

    async def settle(self, key: Key = KEY, rounds: int = 60) -> float | None:
        """Reconciles until nothing is due before the next resync, as time goes by."""
        pause: float | None = None
        for _ in range(rounds):
            pause = await self.live(key)
            if pause is None or pause > 600 or key not in self.cluster.resources:
                return pause
            self.now += pause
        return pause

    @property
    def resource(self) -> Resource:
        return self.cluster.resources[KEY]

    def condition(self, name: str, key: Key = KEY) -> tuple[str, str]:
        return self.cluster.resources[key].status.conditions[name].says

    @property
    def reasons(self) -> list[str]:
        """Of the events."""
        return [reason for reason, _ in self.cluster.events]


RELEASING = replace(SPEC, release_policy=RELEASE)
