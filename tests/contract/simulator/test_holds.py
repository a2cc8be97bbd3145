"""Holds: requests that stay open at an exact point until they are let go."""

import asyncio
import time

import aiohttp
import pytest

from parley_simulator.app import running
from parley_simulator.handlers.hold_requests import Then
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS, TOKEN, eventually, simulator_settings

ANN, BEN = "+15550100001", "+15550100002"


async def post(api: aiohttp.ClientSession, to: str = ANN) -> int:
    """The HTTP status, 0 for none."""
    try:
        async with api.post("Messages.json", data={"To": to, "From": OURS, "Body": "x"}) as response:
            return response.status
    except aiohttp.ServerDisconnectedError:
        return 0


async def test_a_request_is_held_before_it_is_accepted(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    hold = simulator.place_hold(participant=ANN)
    answer = asyncio.create_task(post(api))
    (held,) = await hold.wait()
    assert (held.operation, held.sid) == ("messages.create", "")
    assert simulator.messages() == []
    assert not answer.done()
    assert hold.release() == 1
    assert await answer == 201
    assert len(simulator.outbox(ANN)) == 1


async def test_a_request_is_held_after_it_was_accepted(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    hold = simulator.place_hold(accepted=True)
    answer = asyncio.create_task(post(api))
    (held,) = await hold.wait()
    assert held.sid == simulator.outbox(ANN)[0].sid
    assert not answer.done()
    hold.release()
    assert await answer == 201


async def test_a_held_request_passes_nobody_elses_by(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    hold = simulator.place_hold(participant=ANN, count=None)
    answers = [asyncio.create_task(post(api)) for _ in range(2)]
    await hold.wait(2)
    assert await post(api, BEN) == 201
    hold.release()
    assert [await answer for answer in answers] == [201, 201]


async def test_a_hold_takes_only_as_many_as_it_was_set_for(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    hold = simulator.place_hold(count=1)
    answer = asyncio.create_task(post(api))
    await hold.wait()
    assert await post(api) == 201
    hold.release()
    assert await answer == 201


async def test_a_request_whose_sender_died_is_accepted_on_release(simulator: Simulator) -> None:
    hold = simulator.place_hold()
    headers = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"
        task = asyncio.create_task(session.post(url, data={"To": ANN, "From": OURS, "Body": "x"}))
        await hold.wait()
        task.cancel()
        await asyncio.wait([task])
    hold.release()
    assert len(await simulator.wait_for_outbound(ANN)) == 1


async def test_a_request_released_with_a_cut_is_never_accepted(
    simulator: Simulator, api: aiohttp.ClientSession
) -> None:
    hold = simulator.place_hold()
    answer = asyncio.create_task(post(api))
    await hold.wait()
    hold.release(Then.CUT)
    assert await answer == 0
    assert simulator.messages() == []


async def test_an_accepted_request_released_with_a_cut_stays_accepted(
    simulator: Simulator, api: aiohttp.ClientSession
) -> None:
    hold = simulator.place_hold(accepted=True)
    answer = asyncio.create_task(post(api))
    await hold.wait()
    hold.release(Then.CUT)
    assert await answer == 0
    assert len(simulator.outbox(ANN)) == 1


async def test_waiting_for_a_hold_that_nobody_runs_into_times_out(simulator: Simulator) -> None:
    with pytest.raises(TimeoutError):
        await simulator.place_hold().wait(timeout=0.02)


async def test_a_reset_cuts_what_is_held_and_forgets(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    await post(api)
    hold = simulator.place_hold()
    answer = asyncio.create_task(post(api))
    await hold.wait()
    last_index = simulator.messages()[-1].index
    simulator.reset()
    assert await answer == 0
    assert (simulator.messages(), simulator.holds.all()) == ([], [])
    await eventually(lambda: simulator.world.requests == {"messages.create cut": 1})
    await post(api)
    assert simulator.messages()[0].index == last_index + 1


async def test_the_simulator_stops_at_once_with_requests_held_and_slow() -> None:
    async with aiohttp.ClientSession() as session:
        async with running(simulator_settings()) as simulator:
            hold = simulator.place_hold()
            simulator.add_fault("slow", seconds=60, participant=BEN)
            headers = {"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
            url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"

            async def post_once(to: str) -> str:
                data = {"To": to, "From": OURS, "Body": "x"}
                try:
                    async with session.post(url, data=data, headers=headers) as response:
                        return str(response.status)
                except aiohttp.ClientError:
                    return "cut"

            answers = [asyncio.create_task(post_once(to)) for to in (ANN, BEN)]
            await hold.wait()
            started = time.monotonic()
        assert time.monotonic() - started < 0.9
        assert [await answer for answer in answers] == ["cut", "cut"]
