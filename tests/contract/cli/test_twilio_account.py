"""A Twilio account as the commands see it: against the simulated one, and against answers that Twilio never gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web

from parley_cli.stack.twilio_account import TwilioApi, TwilioRefused, messaging_url, twilio_api
from parley_cli.stack.webhooks import Webhooks
from parley_simulator.app import running
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.settings import Settings
from parley_simulator.simulator import Simulator

NUMBER, LONGER = "+15550001111", "+155500011112"
HERE = Webhooks("https://sms.example.com")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running(Settings(listen="127.0.0.1:0", control_listen="127.0.0.1:0")) as started:
        yield started


@pytest.fixture
async def account(simulator: Simulator) -> AsyncIterator[TwilioApi]:
    async with twilio_api(simulator.api_url, simulator.account_sid, simulator.auth_token) as api:
        yield api


Answering = Callable[..., Awaitable[TwilioApi]]


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    """An account at a server that answers everything with one thing."""
    runners: list[web.AppRunner] = []
    apis: list[object] = []

    async def serving(body: str, **answer: object) -> TwilioApi:
        async def handle(_: web.Request) -> web.Response:
            return web.Response(text=body, **answer)  # type: ignore[arg-type]

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        site = web.TCPSite(runners[-1], "127.0.0.1", 0)
        await site.start()
        port = runners[-1].addresses[0][1]
        context = twilio_api(f"http://127.0.0.1:{port}", "AC1", "token")
        apis.append(context)
        return await context.__aenter__()

    yield serving
    for context in apis:
        await context.__aexit__(None, None, None)  # type: ignore[attr-defined]
    for runner in runners:
        await runner.cleanup()


async def test_a_number_is_found_by_the_whole_of_it(simulator: Simulator, account: TwilioApi) -> None:
    simulator.add_number(LONGER)
    assert await account.find_number(NUMBER) is None
    sid = simulator.add_number(NUMBER).sid
    found = await account.find_number(NUMBER)
    assert found is not None
    assert (found.sid, found.number, found.takes_sms) == (sid, NUMBER, True)


async def test_a_new_number_differs_in_its_urls_and_a_configured_one_in_nothing(
    simulator: Simulator, account: TwilioApi
) -> None:
    number = simulator.add_number(NUMBER)
    found = await account.find_number(NUMBER)
    assert found is not None
    assert found.differences(HERE) == ["SmsUrl", "SmsFallbackUrl"]
    await account.set_webhooks(number.sid, HERE)
    found = await account.find_number(NUMBER)
    assert found is not None
    assert found.differences(HERE) == []
    assert number.sms_url == "https://sms.example.com/twilio/sms#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
    await account.set_webhooks(number.sid, None)
    assert (number.sms_url, number.sms_fallback_url) == ("", "")


async def test_the_messaging_service_of_a_number_is_found_on_any_page(simulator: Simulator, account: TwilioApi) -> None:
    number = simulator.add_number(NUMBER)
    assert await account.service_of(number.sid) is None
    for n in range(130):
        simulator.set_service(ServiceChange(friendly_name=f"service {n}"))
    holder, *_, last_one = simulator.world.services
    simulator.world.services.attach(holder, NUMBER)
    first = await account.service_of(number.sid)
    assert first is not None
    assert (first.sid, first.defers_to_number) == (holder.sid, True)
    simulator.world.services.detach(holder, NUMBER)
    simulator.world.services.attach(last_one, NUMBER)
    last = await account.service_of(number.sid)
    assert last is not None
    assert last.sid == last_one.sid


async def test_wrong_credentials_are_named(simulator: Simulator) -> None:
    async with twilio_api(simulator.api_url, simulator.account_sid, "wrong") as account:
        with pytest.raises(TwilioRefused, match="does not accept these credentials"):
            await account.time()


async def test_a_twilio_that_is_away_is_named() -> None:
    async with twilio_api("http://127.0.0.1:1", "AC1", "token") as account:
        with pytest.raises(TwilioRefused, match="does not answer"):
            await account.time()


async def test_twilios_clock_is_read(answering: Answering) -> None:
    account = await answering("{}", headers={"Date": "Thu, 01 Jan 2026 12:00:00 GMT"})
    assert await account.time() == datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "yesterday"])
async def test_a_clock_that_is_not_shown_is_no_error(answering: Answering, date: str) -> None:
    assert await (await answering("{}", headers={"Date": date})).time() is None


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"incoming_phone_numbers": [{}]}'])
async def test_an_answer_that_is_not_twilios_is_named(answering: Answering, body: str) -> None:
    with pytest.raises(TwilioRefused, match="proxy"):
        await (await answering(body)).find_number(NUMBER)


async def test_a_refusal_leads_to_the_page_about_it(answering: Answering) -> None:
    with pytest.raises(TwilioRefused, match=r"status 400, https://www.twilio.com/docs/errors/21402"):
        await (await answering('{"code": 21402, "message": "..."}', status=400)).set_webhooks("PN1", HERE)
    with pytest.raises(TwilioRefused, match=r"\(status 503\)"):
        await (await answering("gone", status=503)).time()


@pytest.mark.parametrize(
    ("api", "messaging"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
    ],
)
def test_messaging_services_have_a_host_of_their_own_at_twilio(api: str, messaging: str) -> None:
    assert messaging_url(api) == messaging
