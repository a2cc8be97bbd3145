"""From `kubectl apply` to a number that is ready, and what changes afterwards, as a platform team sees it."""

from __future__ import annotations

import time
from pathlib import Path

from parley.agent.v1 import agent_pb2
from parley.session.v1 import number_pb2
from parley_cli.stack.in_process import Options, running
from parley_operator.domain.webhooks import sms_fallback_url, sms_url
from tests.kube.client import PATIENCE_SECONDS
from tests.kube.kubectl import Kubectl
from tests.kube.operator.rig import PUBLIC_URL, Rig

MANIFEST = """
apiVersion: parley.dev/v1alpha1
kind: PhoneNumber
metadata:
  name: support
spec:
  country: CA
  type: local
  agent: support
  settings:
    greeting: answer
    inactiveAfter: 2h
    closingText: Good-bye!
    turnLimit: 7
"""
ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "examples/phone-number.yaml").read_text()
"""What the README and docs/phone-numbers.md show."""
AGENTS = ROOT / "agents"
CALLER = "+14165559876"


async def test_an_applied_number_is_bought_registered_and_ready(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start()
    await kubectl.apply(MANIFEST)
    resource = await rig.ready("support")

    number = rig.number(resource)
    assert number is not None
    assert rig.bought() == [number.phone_number]
    assert (number.sms_url, number.sms_fallback_url) == (sms_url(PUBLIC_URL), sms_fallback_url(PUBLIC_URL))
    assert number.sms_url.endswith("/twilio/sms#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000")

    registered = await rig.registered(number.phone_number)
    assert registered is not None
    assert registered.agent == "support"
    assert registered.keywords == number_pb2.KEYWORDS_PROVIDER
    assert not registered.sending_paused
    assert int(number.created) == registered.ingest_from.seconds
    wishes = registered.settings
    assert (wishes.greeting, wishes.turn_limit, wishes.closing_text) == (agent_pb2.GREETING_ANSWER, 7, "Good-bye!")
    assert wishes.inactive_after.seconds == 7200
    assert not wishes.HasField("grace"), "what the resource does not say stays the agent's"

    shown = await kubectl("get", "pn", "support", "--no-headers")
    assert shown.split()[:5] == ["support", number.phone_number, "support", "True", "Ready"]


async def test_a_text_to_the_number_of_the_example_is_answered(rig: Rig, kubectl: Kubectl) -> None:
    async with running(Options(AGENTS, "echo", durable=False)) as stack:
        twilio, layout = stack.simulator, stack.layout
        rig.mount(account_sid=twilio.account_sid, auth_token=twilio.auth_token, api_base_url=twilio.api_url)
        rig.session_address, rig.public_url = layout.session, layout.public_url
        rig.environment["PARLEY_API_KEY"] = layout.api_key
        await rig.start()
        started = time.monotonic()
        await kubectl.apply(EXAMPLE)
        phone_number = (await rig.ready("support"))["status"]["phoneNumber"]
        print(f"Ready {time.monotonic() - started:.2f} s after kubectl began; at most 10 s on a quiet machine")
        inbound = await twilio.text(CALLER, phone_number, "Hello?")
        assert inbound.outcome == "delivered"
        replies = await twilio.wait_for_outbound(CALLER, 2, PATIENCE_SECONDS, number=phone_number)
        print(f"answered after {time.monotonic() - started:.2f} s")
        assert "You said: Hello?" in [reply.body for reply in replies]
        await rig.stop()


async def test_a_number_that_somebody_else_buys_first_is_given_up_for_another(rig: Rig) -> None:
    await rig.start()
    hold = rig.simulator.place_hold(operation="numbers.create")
    await rig.apply("support")
    await hold.wait(1, PATIENCE_SECONDS)
    chosen = (await rig.get("support"))["status"]["chosenNumber"]
    rig.simulator.sale.take(chosen)
    hold.release()
    resource = await rig.ready("support")
    assert resource["status"]["phoneNumber"] != chosen
    assert "chosenNumber" not in resource["status"]
    assert rig.bought() == [resource["status"]["phoneNumber"]]
