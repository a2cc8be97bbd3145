"""A small world around one resource: a Twilio, an API server, a register of numbers, and processes that are killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from parley_operator.domain.facts import Terms
from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import FINALIZER, RELEASE, Key, Resource, Spec, Status
from parley_operator.domain.steps import Registration
from parley_operator.errors import ClusterUnavailable, Conflict, Refused
from parley_operator.handlers.apply_step import ApplyStep
from parley_operator.handlers.gather_facts import GatherFacts, ObservedAccounts
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.handlers.reconcile_number import ReconcileNumber
from parley_operator.handlers.tell_events import TellEvents
from tests.unit.operator.memory_twilio import START, Fates, Killed, MemoryAccounts, MemoryTwilio, after, meet

TERMS = Terms(sms_url="https://gateway.example.com/twilio/sms", sms_fallback_url="https://gateway.example.com/fallback")
KEY: Key = ("shop", "support")
SPEC = Spec(country="GB", agent="support", type="mobile")


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
        await asyncio.sleep(0)
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
        self.now = START
        self.twilio = MemoryTwilio(self.fates, self.clock)
        self.register = MemoryRegister(self.fates)
        self.cluster = MemoryCluster(self.fates)
        self.accounts = MemoryAccounts(self.twilio)
        self.terms = terms
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
