"""Gathers what one decision is made from. Looks and remembers; changes nothing and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from parley_operator.domain.countries import is_american, is_toll_free
from parley_operator.domain.facts import Facts, Offer, OwnedNumber, Terms
from parley_operator.domain.failures import Failure
from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import RELEASE, Resource
from parley_operator.domain.steps import Step
from parley_operator.errors import Refused
from parley_operator.handlers.observe_account import ObservedAccount
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.ports import Account, Accounts, Cluster, NoAccount


@dataclass(slots=True)
class Run:
    """One run over a resource: what was learnt on the way that is stored nowhere."""

    resource: Resource
    looked: bool = False
    chose: bool = False
    """Whether the chosen number was chosen in this run."""
    offers: tuple[Offer, ...] | None = None
    searches: int = 0
    refused: set[str] = field(default_factory=set, repr=False)
    failures: dict[type[Step], Failure] = field(default_factory=dict)


class ObservedAccounts:
    """The mounted accounts, each with what is remembered of it; forgotten when its credentials change."""

    def __init__(self, accounts: Accounts, age: float) -> None:
        self._accounts = accounts
        self._age = age
        self._observed: dict[str, ObservedAccount] = {}

    def find(self, name: str) -> ObservedAccount | NoAccount:
        account: Account | NoAccount = self._accounts.find(name)
        if isinstance(account, NoAccount):
            return account
        known = self._observed.get(name)
        if known is None or known.account is not account:
            known = self._observed[name] = ObservedAccount(account, self._age)
        return known


class GatherFacts:
    """`clock` gives seconds since 1970."""

    def __init__(
        self,
        cluster: Cluster,
        accounts: ObservedAccounts,
        register: ObservedRegister,
        known: KnownResources,
        terms: Terms,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._accounts = accounts
        self._register = register
        self._known = known
        self._terms = terms
        self._clock = clock

    async def __call__(self, run: Run) -> Facts:
        resource = run.resource
        facts = Facts(
            resource=resource,
            terms=self._terms,
            now=self._clock(),
            looked=run.looked,
            offers=run.offers,
            searches=run.searches,
            tries=len(run.refused),
            is_first_attempt=run.chose,
            failures=dict(run.failures),
        )
        if resource.spec.paused:
            return facts
        facts = await self._see_twilio(facts, run)
        facts = await self._see_register(facts)
        facts = await self._see_cluster(facts)
        # Last, and without waiting in between: what others hold is true when it is decided upon.
        taken = [one for offer in run.offers or () if self._known.is_taken(one := offer.phone_number, resource)]
        return replace(
            facts,
            excluded=frozenset(run.refused).union(taken),
            rival=self._known.is_shared(resource) if resource.deleting else self._known.rival_of(resource),
            purchases=self._known.purchases(resource),
        )

    async def _see_twilio(self, facts: Facts, run: Run) -> Facts:
        account = self._accounts.find(facts.resource.spec.account)
        if isinstance(account, NoAccount):
            return replace(facts, account_problem=account.problem)
        try:
            facts = await self._see_numbers(facts, account, run)
            facts = await self._see_services(facts, account)
            return await self._see_papers(facts, account)
        except Refused as refused:
            return replace(facts, twilio=refused.failure)

    async def _see_numbers(self, facts: Facts, account: ObservedAccount, run: Run) -> Facts:
        resource = run.resource
        if sid := resource.status.sid:
            return replace(facts, held=await self._held(account, sid, run))
        found = await self._look(account, resource) if run.looked else list((await account.numbers()).values())
        name, phone_number = resource.friendly_name, resource.status.chosen_number or resource.spec.phone_number
        named = sorted((number for number in found if number.friendly_name == name), key=lambda one: one.created)
        return replace(
            facts,
            named=named[0] if named else None,
            wanted=next((one for one in found if phone_number and one.phone_number == phone_number), None),
        )

    async def _held(self, account: ObservedAccount, sid: str, run: Run) -> OwnedNumber | None:
        held = (await account.numbers()).get(sid)
        if held is None and run.looked:
            held = await account.account.fetch_number(sid)
            if held is not None:
                account.note(held)
        return held

    async def _look(self, account: ObservedAccount, resource: Resource) -> list[OwnedNumber]:
        found = list(await account.account.find_numbers(friendly_name=resource.friendly_name))
        if phone_number := resource.status.chosen_number or resource.spec.phone_number:
            found += await account.account.find_numbers(phone_number=phone_number)
        return found

    async def _see_services(self, facts: Facts, account: ObservedAccount) -> Facts:
        number, sid = facts.number, facts.resource.spec.messaging_service_sid
        if number is None:
            return facts
        services = await account.services()
        service = next((one for one in services.values() if number.sid in one.members), None)
        return replace(facts, service=service, wanted_service=services.get(sid))

    async def _see_papers(self, facts: Facts, account: ObservedAccount) -> Facts:
        """The registrations that carriers or countries ask for, where they matter."""
        resource, number = facts.resource, facts.number
        spec, status = resource.spec, resource.status
        if resource.deleting:
            return facts
        if number is None:
            is_asked = bool(spec.bundle_sid) and not status.sid and not status.chosen_number
            return replace(facts, bundle_status=await self._bundle(account, spec.bundle_sid)) if is_asked else facts
        if is_toll_free(number.phone_number):
            return replace(facts, verification=await account.verification(number.sid))
        if is_american(spec.country, number.phone_number) and facts.service is not None:
            return replace(facts, campaign=await account.campaign(facts.service.sid))
        return facts

    async def _bundle(self, account: ObservedAccount, sid: str) -> str:
        return await account.account.fetch_bundle_status(sid)

    async def _see_register(self, facts: Facts) -> Facts:
        phone_number = facts.resource.status.phone_number
        if not phone_number:
            return facts
        try:
            return replace(facts, registration=await self._register.find(phone_number))
        except Refused as refused:
            return replace(facts, session=refused.failure)

    async def _see_cluster(self, facts: Facts) -> Facts:
        resource = facts.resource
        if not resource.deleting or resource.spec.release_policy != RELEASE:
            return facts
        return replace(
            facts,
            namespace_ending=await self._cluster.is_namespace_ending(resource.namespace),
            kind_ending=await self._cluster.is_kind_ending(),
        )
