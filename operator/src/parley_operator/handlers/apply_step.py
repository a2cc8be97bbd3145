"""Does one step. What it brought is stored or noted before the next is planned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from parley_operator.domain.facts import Facts
from parley_operator.domain.failures import LATER, Failure, Kind
from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import BOUGHT, Status
from parley_operator.domain.steps import (
    AddFinalizer,
    Attach,
    Buy,
    Choose,
    Configure,
    Deregister,
    Detach,
    ForgetChoice,
    Hold,
    Look,
    Register,
    Release,
    RemoveFinalizer,
    Search,
    Step,
)
from parley_operator.errors import Refused
from parley_operator.handlers.gather_facts import ObservedAccounts, Run
from parley_operator.handlers.observe_account import ObservedAccount
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.handlers.tell_events import TellEvents
from parley_operator.ports import Cluster

log = logging.getLogger(__name__)

NO_ACCOUNT = Failure(Kind.ADMIN, "AccountMissing", "The Twilio account was taken away meanwhile.", LATER)


class ApplyStep:
    """Raises Conflict and ClusterUnavailable; what Twilio and the session service refuse is noted in the run."""

    def __init__(
        self,
        cluster: Cluster,
        accounts: ObservedAccounts,
        register: ObservedRegister,
        known: KnownResources,
        tell: TellEvents,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._accounts = accounts
        self._register = register
        self._known = known
        self._tell = tell
        self._clock = clock
        # Between counting the purchases of a namespace and noting one more nobody else may count.
        self._choosing = asyncio.Lock()

    async def __call__(self, step: Step, facts: Facts, run: Run) -> None:
        try:
            await self._apply(step, facts, run)
        except Refused as refused:
            failure = refused.failure
            log.warning(
                "step_refused",
                extra={**self._named(run), "step": type(step).__name__, "reason": failure.reason, "code": failure.code},
            )
            run.failures[type(step)] = failure
            if isinstance(step, Buy):
                # Whatever it said, the number may be ours.
                run.looked = False
            if failure.kind is Kind.GONE and isinstance(step, Configure):
                self._account(run).note_gone(step.sid)
        else:
            log.info("step_done", extra={**self._named(run), "step": type(step).__name__})

    async def _apply(self, step: Step, facts: Facts, run: Run) -> None:
        match step:
            case AddFinalizer() | RemoveFinalizer():
                await self._guard(step, run)
            case Look():
                run.looked = True
            case Search():
                run.offers = await self._account(run).offers(step, anew=run.searches > 0)
                run.searches += 1
            case Choose():
                await self._choose(step, facts, run)
            case ForgetChoice():
                run.refused.add(step.phone_number)
                run.chose = False
                await self._note(run, replace(run.resource.status, chosen_number="", chosen_time=0.0))
            case Hold():
                await self._hold(step, run)
            case Register():
                await self._enter(step, run)
            case Deregister():
                await self._register.delete(step.phone_number)
            case _:
                await self._change_account(step, run)

    async def _change_account(self, step: Step, run: Run) -> None:
        account = self._account(run)
        match step:
            case Buy():
                account.note(await account.account.buy(step))
            case Configure():
                account.note(await account.account.configure(step.sid, step.fields))
                if step.repairs:
                    await self._tell(run.resource, "DriftRepaired", f"Changed back at Twilio: {step.repairs}.")
            case Attach():
                await account.account.attach(step.service_sid, step.sid)
                account.note_member(step.service_sid, step.sid, is_member=True)
            case Detach():
                await account.account.detach(step.service_sid, step.sid)
                account.note_member(step.service_sid, step.sid, is_member=False)
                await self._tell(run.resource, "Detached", f"Taken out of messaging service {step.service_sid}.")
            case Release():
                await account.account.release(step.sid)
                account.note_gone(step.sid)
                await self._tell(run.resource, "Released", "The number was given back to Twilio.")

    async def _guard(self, step: AddFinalizer | RemoveFinalizer, run: Run) -> None:
        if isinstance(step, RemoveFinalizer) and step.reason != "NothingHeld":
            await self._tell(run.resource, step.reason, step.why)
        written = await self._cluster.write_finalizer(run.resource, present=isinstance(step, AddFinalizer))
        if written is None:
            self._known.forget(run.resource.key)
            run.resource = replace(run.resource, finalizers=())
        else:
            self._known.note(written)
            run.resource = written

    async def _choose(self, step: Choose, facts: Facts, run: Run) -> None:
        async with self._choosing:
            is_full = self._known.purchases(run.resource) >= facts.terms.purchase_limit
            if is_full or self._known.is_taken(step.phone_number, run.resource):
                return  # somebody was quicker: what follows from that is planned anew
            status = replace(run.resource.status, chosen_number=step.phone_number, chosen_time=self._clock())
            await self._note(run, status)
        run.chose, run.looked = True, False
        run.failures.pop(Buy, None)
        self._account(run).take_offer(step.phone_number)

    async def _hold(self, step: Hold, run: Run) -> None:
        status = replace(
            run.resource.status,
            phone_number=step.phone_number,
            sid=step.sid,
            origin=step.origin,
            ingest_from=step.ingest_from,
            chosen_number="",
            chosen_time=0.0,
        )
        await self._note(run, status)
        what = "The number was bought." if step.origin == BOUGHT else "The account's own number is used."
        await self._tell(run.resource, step.origin, what)

    async def _enter(self, step: Register, run: Run) -> None:
        # The kill switch may have been thrown since this was planned.
        newest = self._known.get(run.resource.key)
        sending = newest.spec.sending if newest is not None else step.registration.sending
        await self._register.write(replace(step.registration, sending=sending))

    async def _note(self, run: Run, status: Status) -> None:
        run.resource = await self._cluster.write_status(run.resource, status)
        self._known.note(run.resource)

    def _account(self, run: Run) -> ObservedAccount:
        account = self._accounts.find(run.resource.spec.account)
        # The credentials may have gone since the facts were gathered; then the old ones are not used any more.
        if not isinstance(account, ObservedAccount):
            raise Refused(NO_ACCOUNT)
        return account

    def _named(self, run: Run) -> dict[str, str]:
        return {"namespace": run.resource.namespace, "resource": run.resource.name}
