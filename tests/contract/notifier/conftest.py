"""A simulated Twilio with one number, and a carrier that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import parley_simulator.app
from parley_notifier.adapters.twilio.carrier import TwilioCarrier, twilio_carrier
from parley_simulator.settings import NumberSettings
from parley_simulator.settings import Settings as SimulatorSettings
from parley_simulator.simulator import Simulator
from tests.contract.notifier.carriers import LIMITS, OURS, SID, TOKEN, account


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    settings = SimulatorSettings(
        listen="127.0.0.1:0",
        control_listen="127.0.0.1:0",
        account_sid=SID,
        auth_token=TOKEN,
        api_keys={"SK" + "0" * 32: "the-secret-of-the-key"},
        numbers=(NumberSettings(phone_number=OURS),),
    )
    async with parley_simulator.app.running(settings) as started:
        yield started


@pytest.fixture
async def carrier(simulator: Simulator) -> AsyncIterator[TwilioCarrier]:
    async with twilio_carrier(account(simulator.api_url), LIMITS) as made:
        yield made
