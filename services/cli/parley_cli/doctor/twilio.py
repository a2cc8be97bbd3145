"""Whether Twilio takes our credentials, and brings the texts of each registered number here."""

from __future__ import annotations

import asyncio

from parley_cli.doctor.clocks import Reading, judge, now
from parley_cli.doctor.finding import Finding
from parley_cli.stack.session_api import ApiError, Number, session_api
from parley_cli.stack.stack_file import StackAddresses
from parley_cli.stack.twilio_account import DATE_GRAIN, NumberAtTwilio, TwilioApi, TwilioRefused, twilio_api

CREDENTIALS, CLOCK, NUMBERS = "credentials", "clock, Twilio", "numbers"
CONSOLE = "https://console.twilio.com/us1/develop/phone-numbers/manage/incoming"
SERVICES = "https://console.twilio.com/us1/develop/sms/services"


async def examine_twilio(stack: StackAddresses) -> list[Finding]:
    async with twilio_api(stack.twilio, stack.account_sid, stack.auth_token) as twilio:
        before = now()
        try:
            theirs = await twilio.time()
        except TwilioRefused as error:
            fix = "start again with the right ones: `parley up --public-url … --account-sid AC…`"
            waiting = [Finding.left_open(name, "Twilio has to answer first") for name in (CLOCK, NUMBERS)]
            return [Finding.bad(CREDENTIALS, str(error), fix), *waiting]
        found = [Finding.ok(CREDENTIALS, f"{stack.account_sid} at {stack.twilio}")]
        if theirs is None:
            found.append(Finding.left_open(CLOCK, "it did not say what time it is"))
        else:
            found.append(judge(CLOCK, "Twilio's", Reading(before, theirs, now(), DATE_GRAIN)))
        return found + await _numbers(stack, twilio)


async def _numbers(stack: StackAddresses, twilio: TwilioApi) -> list[Finding]:
    try:
        async with session_api(stack.session, stack.api_key) as api:
            registered = await api.list_numbers()
    except ApiError as error:
        return [Finding.left_open(NUMBERS, f"not known: {error}")]
    if not registered:
        return [Finding.left_open(NUMBERS, "none is registered: `parley numbers add +1… --agent …`")]
    return list(await asyncio.gather(*(_examine(stack, twilio, number) for number in registered)))


async def _examine(stack: StackAddresses, twilio: TwilioApi, number: Number) -> Finding:
    name = number.number
    try:
        known = await twilio.find_number(number.number)
        if known is None:
            fix = f"buy it at {CONSOLE}, or `parley numbers remove {name}`"
            return Finding.bad(name, "is not a number of this account", fix)
        return await _examine_known(stack, twilio, number, known)
    except TwilioRefused as error:
        return Finding.bad(name, str(error), "try again: `parley doctor`")


async def _examine_known(stack: StackAddresses, twilio: TwilioApi, number: Number, known: NumberAtTwilio) -> Finding:
    name = number.number
    if not known.takes_sms:
        return Finding.bad(name, "cannot send or receive SMS", f"take another number: {CONSOLE}")
    service = await twilio.service_of(known.sid)
    wanted = stack.webhooks
    if service is not None and not service.defers_to_number and service.inbound_url != wanted.sms_url:
        fix = f"let it defer to the sender's webhook (Integration): {SERVICES}/{service.sid}"
        return Finding.bad(name, f"its messaging service {service.sid} sends its texts elsewhere", fix)
    if (service is None or service.defers_to_number) and (different := known.differences(wanted)):
        fix = f"`parley numbers add {name} --agent {number.agent}`"
        return Finding.bad(name, f"{', '.join(different)}: not as this gateway needs it", fix)
    if service is not None and number.opt_out_scope != service.sid:
        fix = f"`parley numbers add {name} --agent {number.agent} --opt-out-scope {service.sid}`"
        return Finding.bad(name, "Twilio shares its opt-outs with a messaging service, and we do not", fix)
    if number.sending_paused:
        return Finding.left_open(name, f"answered by {number.agent}; sending is paused")
    return Finding.ok(name, f"answered by {number.agent}; its webhooks lead here")
