"""Getting a number: adopt what is ours, else choose, write the choice down, buy, and write down what was bought.

A number is bought once in effect: only a number that stands in the status is bought, a number can be owned once only,
and what was bought carries the resource's name. So whoever died in between left evidence, and it is adopted.
"""

from __future__ import annotations

from parley_operator.domain.conditions import PROVISIONED
from parley_operator.domain.countries import ONE_WAY
from parley_operator.domain.facts import Facts, Offer, OwnedNumber
from parley_operator.domain.failures import ADDRESS, BUNDLE, HOURLY, LATER, SOON, Failure, Kind
from parley_operator.domain.finding import Finding, fails, holds, open_question, stopped_by
from parley_operator.domain.resource import ADOPTED, BOUGHT
from parley_operator.domain.steps import AddFinalizer, Buy, Choose, Deregister, ForgetChoice, Hold, Look, Search, Step

APPROVED = ("twilio-approved", "provisionally-approved")
TRIES, SEARCHES = 5, 3
"""Numbers that are tried, and lists of them, in one run when others are quicker."""
CROWDED = Failure(
    Kind.TRANSIENT, "NoneAvailable", "Other resources have chosen what Twilio offers now. It is asked again.", SOON
)


def provision(facts: Facts) -> Finding:
    if facts.account_problem:
        return fails(PROVISIONED, "AccountMissing", facts.account_problem, retry_after=LATER)
    if facts.twilio is not None:
        return stopped_by(facts, PROVISIONED, facts.twilio)
    if facts.resource.status.sid:
        return _keep(facts)
    if not facts.resource.is_guarded:
        return _underway(AddFinalizer())
    if facts.named is not None:
        return _underway(Hold(facts.named.phone_number, facts.named.sid, BOUGHT, facts.named.created))
    if facts.resource.status.chosen_number:
        return _carry_out(facts, facts.resource.status.chosen_number)
    if facts.resource.spec.phone_number:
        return _fixed(facts, facts.resource.spec.phone_number)
    return _choose(facts)


def _keep(facts: Facts) -> Finding:
    status = facts.resource.status
    if facts.held is None:
        if not facts.looked:
            return _underway(Look())
        # It will not be replaced: people know the number, and a new one would be another.
        is_left = facts.registration is not None and Deregister not in facts.failures
        return fails(
            PROVISIONED,
            "NumberGone",
            f"The account has the number no longer: it was released or moved elsewhere. Bring it back to account "
            f"{facts.resource.spec.account}, or delete this PhoneNumber and create another.",
            Deregister(status.phone_number) if is_left and not facts.rival else None,
        )
    if facts.rival:
        return fails(
            PROVISIONED,
            "NumberContested",
            f"PhoneNumber {facts.rival} holds the same number and is older. Delete one of the two.",
        )
    if status.origin == BOUGHT:
        return holds(PROVISIONED, BOUGHT, "The number was bought for this resource.")
    return holds(PROVISIONED, ADOPTED, "The account's own number is used; it is never released.")


def _fixed(facts: Facts, phone_number: str) -> Finding:
    if facts.rival:
        return fails(
            PROVISIONED,
            "NumberTaken",
            f"PhoneNumber {facts.rival} has this number. Delete it first, or correct spec.phoneNumber.",
        )
    if facts.wanted is not None:
        return _underway(_adoption(facts, facts.wanted))
    if not facts.looked:
        return _underway(Look())
    return _refused(facts) or _hindrance(facts) or _underway(Choose(phone_number))


def _adoption(facts: Facts, number: OwnedNumber) -> Step:
    return Hold(number.phone_number, number.sid, ADOPTED, facts.now)


def _carry_out(facts: Facts, chosen: str) -> Finding:
    """The chosen number was perhaps bought already, by us or by somebody else."""
    failure = facts.failures.get(Buy)
    is_fresh = facts.is_first_attempt and failure is None
    if not facts.looked and not is_fresh:
        return _underway(Look())
    is_fixed = chosen == facts.resource.spec.phone_number
    if facts.wanted is not None:
        # The account's, but not named for us: somebody else's, unless the owner of the resource says that it is meant.
        return _underway(_adoption(facts, facts.wanted) if is_fixed and not facts.rival else ForgetChoice(chosen))
    if failure is None:
        # Also forbidden it stays chosen: a request that a dead process has made may yet be carried out.
        return _never(facts) or _dry(facts) or _underway(_purchase(facts, chosen))
    if failure.kind is Kind.MARKET and not (facts.is_first_attempt or _settled(facts)):
        # An earlier attempt of unknown outcome may have bought it, and Twilio's list be late.
        return open_question(PROVISIONED, "PurchaseUnclear", failure.message, retry_after=_unsettled(facts))
    if failure.is_passing:
        return open_question(PROVISIONED, failure.reason, failure.message, retry_after=failure.retry_after)
    return _underway(ForgetChoice(chosen))


def _purchase(facts: Facts, chosen: str) -> Buy:
    spec = facts.resource.spec
    return Buy(chosen, facts.resource.friendly_name, spec.address_sid, spec.bundle_sid)


def _settled(facts: Facts) -> bool:
    return _unsettled(facts) <= 0


def _unsettled(facts: Facts) -> float:
    """Seconds until Twilio's list is believed about the chosen number."""
    return facts.resource.status.chosen_time + facts.terms.settle - facts.now


def _choose(facts: Facts) -> Finding:
    if (stop := _refused(facts) or _hindrance(facts)) is not None:
        return stop
    spec = facts.resource.spec
    search = Search(spec.country, spec.type, spec.area_code, spec.contains)
    failure = facts.failures.get(Search)
    if failure is not None:
        return _not_offered(facts, failure) if failure.kind is Kind.GONE else stopped_by(facts, PROVISIONED, failure)
    if facts.offers is None:
        return _underway(search)
    left = [offer for offer in facts.offers if offer.phone_number not in facts.excluded]
    usable = [offer for offer in left if offer.address == "none" or spec.address_sid]
    if usable:
        return _underway(Choose(usable[0].phone_number))
    if facts.offers and not left:
        # Others were quicker: there may be more where these came from.
        return _underway(search) if facts.searches < SEARCHES else stopped_by(facts, PROVISIONED, CROWDED)
    return _no_offer(facts, left)


def _no_offer(facts: Facts, left: list[Offer]) -> Finding:
    spec = facts.resource.spec
    if left:
        return fails(
            PROVISIONED,
            "AddressRequired",
            f"Every {spec.type} number of {spec.country} needs an address. {ADDRESS}",
            retry_after=HOURLY,
        )
    narrowed = "Change or remove spec.areaCode and spec.contains, or wait." if spec.area_code or spec.contains else ""
    advice = narrowed or "Wait for Twilio to have some, or create a PhoneNumber of another spec.type."
    return fails(
        PROVISIONED, "NoneAvailable", f"Twilio has no such number for sale now. {advice}", retry_after=10 * LATER
    )


def _not_offered(facts: Facts, failure: Failure) -> Finding:
    spec = facts.resource.spec
    message = (
        f"Twilio sells no {spec.type} numbers of {spec.country} that carry SMS. Create a PhoneNumber of another "
        "spec.type or spec.country."
    )
    return fails(PROVISIONED, "TypeNotOffered", message, retry_after=HOURLY)


def _refused(facts: Facts) -> Finding | None:
    """What the last attempt to buy in this run said, if it stands in the way of another."""
    failure = facts.failures.get(Buy)
    if failure is None:
        return None
    is_another_possible = failure.kind is Kind.MARKET and not facts.resource.spec.phone_number
    if is_another_possible and facts.tries < TRIES:
        return None
    return fails(PROVISIONED, failure.reason, failure.message, retry_after=failure.retry_after)


def _hindrance(facts: Facts) -> Finding | None:
    """What forbids to choose a number and to buy it."""
    spec = facts.resource.spec
    if (stop := _never(facts)) is not None:
        return stop
    if facts.purchases >= facts.terms.purchase_limit:
        return fails(
            PROVISIONED,
            "PurchaseLimit",
            f"This namespace has used up its budget: {facts.purchases} bought of {facts.terms.purchase_limit} allowed. "
            "Delete a PhoneNumber, or raise PARLEY_OPERATOR_PURCHASE_LIMIT.",
            retry_after=LATER,
        )
    if spec.country in ONE_WAY and not spec.phone_number:
        return fails(
            PROVISIONED,
            "CountryOneWay",
            f"By Twilio's guidelines nobody can text a number of {spec.country}. Choose another spec.country, or name "
            "a number in spec.phoneNumber that is an exception.",
        )
    if spec.bundle_sid and facts.bundle_status is not None and facts.bundle_status not in APPROVED:
        state = facts.bundle_status or "not found"
        advice = BUNDLE if state in ("not found", "twilio-rejected", "draft") else "Wait for Twilio's review."
        return fails(
            PROVISIONED, "BundleNotApproved", f"The bundle in spec.bundleSid is {state}. {advice}", retry_after=LATER
        )
    return _dry(facts)


def _never(facts: Facts) -> Finding | None:
    spec = facts.resource.spec
    if spec.purchase_policy != "Never":
        return None
    wanted = "the number in spec.phoneNumber" if spec.phone_number else "a number"
    return fails(
        PROVISIONED,
        "PurchaseForbidden",
        f"The account does not own {wanted}, and spec.purchasePolicy is Never. Name a number that the account owns "
        "in spec.phoneNumber, or set spec.purchasePolicy to IfMissing.",
    )


def _dry(facts: Facts) -> Finding | None:
    if not facts.terms.dry_run:
        return None
    return fails(
        PROVISIONED,
        "DryRun",
        "A number would be bought here. The operator runs dry: unset PARLEY_OPERATOR_DRY_RUN to let it.",
    )


def _underway(step: Step) -> Finding:
    return open_question(PROVISIONED, "InProgress", "A number is being found.", step)
