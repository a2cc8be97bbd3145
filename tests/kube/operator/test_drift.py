"""What changes after a number is ready, at Twilio or in its resource, is put right or told of within one resync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from parley.session.v1 import number_service_pb2
from parley_operator.domain.webhooks import sms_fallback_url, sms_url
from parley_simulator.handlers.configure_number import NumberChange
from parley_simulator.handlers.configure_service import ServiceChange
from tests.kube.client import PATIENCE_SECONDS, has_condition
from tests.kube.kubectl import Kubectl
from tests.kube.operator.rig import PHONE_NUMBERS, PUBLIC_URL, Rig

ELSEWHERE = "https://elsewhere.example.com/"
DRIFTS = {
    "webhook": NumberChange(sms_url=ELSEWHERE),
    "webhook method": NumberChange(sms_method="GET"),
    "fallback webhook": NumberChange(sms_fallback_url=""),
    "fallback method": NumberChange(sms_fallback_method="GET"),
    "TwiML application": NumberChange(sms_application_sid="AP" + "0" * 32),
}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_what_somebody_changes_at_twilio_is_changed_back(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support")
    number = rig.number(await rig.ready("support"))
    assert number is not None

    def ours() -> tuple[object, ...]:
        found = rig.simulator.world.numbers.find(number.phone_number)
        assert found is not None
        fields = ("sms_url", "sms_method", "sms_fallback_url", "sms_fallback_method", "sms_application_sid")
        return tuple(getattr(found, name) for name in fields)

    wanted = (sms_url(PUBLIC_URL), "POST", sms_fallback_url(PUBLIC_URL), "POST", "")
    for what, change in DRIFTS.items():
        began = time.monotonic()
        rig.simulator.change_number(number.phone_number, change)
        assert ours() != wanted
        await until(lambda: ours() == wanted)
        print(f"{what}: changed back after {time.monotonic() - began:.2f} s")
    await rig.until_told("support", *(f"Changed back at Twilio: {what}." for what in DRIFTS))


async def test_a_number_is_kept_in_the_messaging_service_of_its_spec(rig: Rig) -> None:
    wanted, other = (rig.simulator.set_service(ServiceChange()) for _ in range(2))
    await rig.start()
    await rig.apply("support", messagingServiceSid=wanted.sid)
    resource = await rig.ready("support")
    phone_number = resource["status"]["phoneNumber"]
    assert wanted.pool == [phone_number]
    registered = await rig.registered(phone_number)
    assert registered is not None
    assert registered.opt_out_scope == wanted.sid

    rig.simulator.set_service(ServiceChange(numbers=()), wanted.sid)
    await until(lambda: wanted.pool == [phone_number])
    rig.simulator.set_service(ServiceChange(numbers=()), wanted.sid)
    rig.simulator.set_service(ServiceChange(numbers=(phone_number,)), other.sid)
    await until(lambda: wanted.pool == [phone_number])
    assert not other.pool
    await rig.until_told("support", f"Taken out of messaging service {other.sid}.")


async def test_a_messaging_service_that_takes_the_texts_is_told_of(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support")
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    taking = ServiceChange(numbers=(phone_number,), inbound_request_url=ELSEWHERE, use_inbound_webhook_on_number=False)
    service = rig.simulator.set_service(taking)
    await rig.says("support", "MessagingServiceTakesTexts")
    # Members share their opt-outs at Twilio, so they share them here.
    await rig.until_registered(phone_number, lambda number: number.opt_out_scope == service.sid)
    rig.simulator.set_service(ServiceChange(use_inbound_webhook_on_number=True), service.sid)
    await rig.ready("support")


async def test_a_number_that_the_session_service_forgot_is_registered_again(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support", settings={"turnLimit": 5})
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    await rig.register.DeleteNumber(number_service_pb2.DeleteNumberRequest(number=phone_number), timeout=10)
    await rig.until_registered(phone_number, lambda number: number.settings.turn_limit == 5)


async def test_a_number_without_sms_is_told_of(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support")
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    rig.simulator.change_number(phone_number, NumberChange(sms_capable=False))
    await rig.says("support", "NoSms")
    rig.simulator.change_number(phone_number, NumberChange(sms_capable=True))
    await rig.ready("support")


async def test_a_paused_number_is_left_alone_until_it_goes_on(rig: Rig) -> None:
    await rig.start()
    for name in ("paused", "watched"):
        await rig.apply(name)
    paused, watched = [rig.number(await rig.ready(name)) for name in ("paused", "watched")]
    assert paused is not None
    assert watched is not None
    await rig.apply("paused", paused=True)
    await rig.wait("paused", has_condition("Ready", "True", "Paused"))
    rig.simulator.change_number(paused.phone_number, DRIFTS["webhook"])
    for _ in range(2):
        rig.simulator.change_number(watched.phone_number, DRIFTS["webhook"])
        await until(lambda: watched.sms_url == sms_url(PUBLIC_URL))
    assert paused.sms_url == ELSEWHERE
    await rig.apply("paused", paused=False)
    await until(lambda: paused.sms_url == sms_url(PUBLIC_URL))
    await rig.wait("paused", has_condition("Ready", reason="Ready"))


async def test_the_kill_switch_passes_by_a_twilio_that_hangs(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start()
    await rig.apply("support")
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    hold = rig.simulator.place_hold(operation="*", count=None)
    await hold.wait(1, PATIENCE_SECONDS)
    began = time.monotonic()
    await kubectl("patch", "pn", "support", "--type=merge", '-p={"spec": {"sending": false}}')
    await rig.until_registered(phone_number, lambda number: number.sending_paused)
    print(f"sending stopped {time.monotonic() - began:.2f} s after kubectl began")
    rig.simulator.holds.remove(hold.id)
    await rig.ready("support")
    await kubectl("patch", "pn", "support", "--type=merge", '-p={"spec": {"sending": true}}')
    await rig.until_registered(phone_number, lambda number: not number.sending_paused)


async def test_the_kill_switch_works_for_a_paused_number(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support")
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    await rig.apply("support", paused=True)
    await rig.wait("support", has_condition("Ready", "True", "Paused"))
    await rig.apply("support", paused=True, sending=False)
    await rig.until_registered(phone_number, lambda number: number.sending_paused)


async def test_changed_settings_reach_the_session_service_at_once(rig: Rig) -> None:
    # No resync comes to their help.
    await rig.start(resync=600.0, list_interval=600.0)
    await rig.apply("support", settings={"turnLimit": 5, "closingText": "Bye"})
    phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
    assert rig.daemon is not None
    pid = rig.daemon.pid
    await rig.apply(
        "support", agent="sales", settings={"turnLimit": 6, "grace": "2m"}, keywords="none", segmentsPerSecond=1.5
    )
    registered = await rig.until_registered(phone_number, lambda number: number.settings.turn_limit == 6)
    assert registered.agent == "sales"
    assert registered.settings.grace.seconds == 120
    assert registered.segments_per_second == 1.5
    assert not registered.settings.HasField("closing_text"), "what is taken out of the spec is the agent's again"
    await rig.ready("support")
    assert rig.daemon.pid == pid
    assert rig.daemon.is_running
    events = [event["reason"] for event in await rig.kube.events("support")]
    assert "DriftRepaired" not in events, "what the owner changes is no drift"
    assert (await rig.kube.get(PHONE_NUMBERS, "support"))["status"]["phoneNumber"] == phone_number
