"""What the session service is to know about a number, and whether it does. The webhook comes after it."""

from __future__ import annotations

from parley_operator.domain.conditions import REGISTERED
from parley_operator.domain.facts import Facts
from parley_operator.domain.finding import Finding, fails, holds, not_yet, open_question, stopped_by
from parley_operator.domain.steps import Register, Registration


def registration_of(facts: Facts) -> Registration:
    spec, status = facts.resource.spec, facts.resource.status
    known = facts.registration.opt_out_scope if facts.registration else ""
    seen = facts.service.sid if facts.service else ""
    return Registration(
        phone_number=status.phone_number,
        agent=spec.agent,
        settings=spec.settings,
        keywords=spec.keywords,
        # Numbers of a messaging service share their opt-outs at Twilio, whether we put them there or somebody else did.
        opt_out_scope=spec.messaging_service_sid or (known if facts.is_blind else seen),
        sending=spec.sending,
        ingest_from=float(int(status.ingest_from)),
        segments_per_second=spec.segments_per_second,
    )


def register(facts: Facts) -> Finding:
    if not facts.resource.status.sid or not (facts.is_blind or facts.number):
        return not_yet(REGISTERED)
    if facts.rival:
        return fails(REGISTERED, "NumberContested", f"PhoneNumber {facts.rival} has registered the number.")
    failure = facts.session or facts.failures.get(Register)
    if failure is not None:
        return stopped_by(facts, REGISTERED, failure)
    wanted = registration_of(facts)
    if facts.registration != wanted:
        return open_question(REGISTERED, "InProgress", "The number is being registered.", Register(wanted))
    paused = "" if wanted.sending else " Sending is switched off: what is to be sent waits (spec.sending)."
    return holds(REGISTERED, "Registered", f"The session service knows the number as agent {wanted.agent}'s.{paused}")
