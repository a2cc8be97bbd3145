"""Messages through Twilio's own clients: created, fetched, listed page by page, refused."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.domain.messages import Selection
from parley_simulator.handlers.configure_number import NumberChange
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, TOKEN, simulator_settings

ANN, BEN = "+15550100001", "+15550100002"


async def create(client: Client, to: str = ANN, body: str = "hello", from_: str = OURS) -> str:
    message = await asyncio.to_thread(client.messages.create, to=to, from_=from_, body=body)
    assert isinstance(message.sid, str)
    return message.sid


async def test_a_created_message_is_queued_and_looks_like_twilios(api: aiohttp.ClientSession) -> None:
    async with api.post("Messages.json", data={"To": ANN, "From": OURS, "Body": "héllo — ç"}) as response:
        assert response.status == 201
        assert re.fullmatch(r"RQ[0-9a-f]{32}", response.headers["Twilio-Request-Id"])
        assert re.fullmatch(r"\d+\.\d{3}", response.headers["Twilio-Request-Duration"])
        assert response.headers["Twilio-Concurrent-Requests"] == "1"
        message = await response.json()
    assert re.fullmatch(r"SM[0-9a-f]{32}", message["sid"])
    account = message["account_sid"]
    for name in ("date_created", "date_updated"):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", message.pop(name))
    assert message == {
        "sid": message["sid"],
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": "héllo — ç",
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": OURS,
        "to": ANN,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "status": "queued",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{account}/Messages/{message['sid']}/Media.json"},
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{message['sid']}.json",
    }


async def test_a_message_is_delivered_after_a_while(simulator: Simulator, client: Client) -> None:
    sid = await create(client)
    await simulator.wait_for_messages(Selection(status="delivered"), 1, 5.0)
    message = await asyncio.to_thread(client.messages(sid).fetch)
    assert (message.status, message.direction, message.body) == ("delivered", "outbound-api", "hello")
    assert message.date_sent is not None
    assert abs(message.date_sent - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_segments_are_counted(client: Client) -> None:
    message = await asyncio.to_thread(client.messages.create, to=ANN, from_=OURS, body="a" * 161)
    assert message.num_segments == "2"


async def test_media_make_an_mms(client: Client) -> None:
    urls = ["https://example.com/a.jpg", "https://example.com/b.jpg"]
    message = await asyncio.to_thread(client.messages.create, to=ANN, from_=OURS, media_url=urls)
    assert (message.sid or "")[:2] == "MM"
    assert message.num_media == "2"


async def test_an_unknown_message_is_not_found(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client.messages("SM" + "0" * 32).fetch)
    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_a_list_is_newest_first_and_filters_by_to_and_from(simulator: Simulator, client: Client) -> None:
    first = await create(client, ANN)
    second = await create(client, BEN)
    third = await create(client, ANN, from_=OTHER)
    inbound = (await simulator.text(ANN, OURS, "hi")).message.sid

    async def listed(**filters: str) -> list[str | None]:
        return [message.sid for message in await asyncio.to_thread(lambda: client.messages.list(**filters))]

    assert await listed() == [inbound, third, second, first]
    assert await listed(to=ANN) == [third, first]
    assert await listed(to=ANN, from_=OURS) == [first]
    assert await listed(to=OURS) == [inbound]
    assert await listed(from_=ANN, to=BEN) == []


async def test_a_list_is_read_across_pages(client: Client) -> None:
    sids = [await create(client, body=f"text {position}") for position in range(5)]
    listed = await asyncio.to_thread(client.messages.list, page_size=2)
    assert [message.sid for message in listed] == sids[::-1]


async def test_pages_do_not_shift_when_a_message_comes_in_between(client: Client) -> None:
    sids = [await create(client) for _ in range(4)]
    page = await asyncio.to_thread(lambda: client.messages.page(page_size=2, to=ANN))
    assert [message.sid for message in page] == [sids[3], sids[2]]
    await create(client)
    following = await asyncio.to_thread(page.next_page)
    assert following is not None
    assert [message.sid for message in following] == [sids[1], sids[0]]
    assert following.next_page_url is None


async def test_a_page_leads_back_to_the_one_before(client: Client) -> None:
    sids = [await create(client) for _ in range(5)]
    first = await asyncio.to_thread(lambda: client.messages.page(page_size=2))
    second = await asyncio.to_thread(first.next_page)
    assert second is not None
    back = await asyncio.to_thread(second.previous_page)
    assert back is not None
    assert [message.sid for message in back] == [sids[4], sids[3]]
    assert back.previous_page_url is None
    again = await asyncio.to_thread(back.next_page)
    assert again is not None
    assert [message.sid for message in again] == [sids[2], sids[1]]


async def test_a_page_number_without_a_token_is_the_first_page(client: Client) -> None:
    sids = [await create(client) for _ in range(3)]
    page = await asyncio.to_thread(lambda: client.messages.page(page_size=2, page_number=1))
    assert [message.sid for message in page] == [sids[2], sids[1]]


@pytest.mark.parametrize(
    "query",
    [{"PageSize": "1001"}, {"PageSize": "0"}, {"PageSize": "x"}, {"PageToken": "XX1"}, {"PageToken": "PASM1"}],
)
async def test_a_page_that_cannot_be_is_refused(api: aiohttp.ClientSession, query: dict[str, str]) -> None:
    async with api.get("Messages.json", params=query) as response:
        assert response.status == 400
        assert (await response.json())["code"] in (20006, 20007)


async def test_a_date_filter_finds_what_was_sent_then_and_nothing_unsent(simulator: Simulator, client: Client) -> None:
    sent = await create(client)
    await simulator.wait_for_messages(Selection(status="delivered"), 1, 5.0)
    simulator.add_fault("stall")
    await create(client)
    now = datetime.now(UTC)

    async def listed(**filters: datetime) -> list[str | None]:
        return [message.sid for message in await asyncio.to_thread(lambda: client.messages.list(**filters))]

    assert await listed(date_sent_after=now - timedelta(minutes=1)) == [sent]
    assert await listed(date_sent_after=now + timedelta(minutes=1)) == []
    assert await listed(date_sent_before=now + timedelta(minutes=1)) == [sent]
    assert await listed(date_sent_before=now - timedelta(minutes=1)) == []
    assert await listed(date_sent_after=now - timedelta(minutes=1), date_sent_before=now + timedelta(hours=1)) == [sent]
    assert len(await listed()) == 2


async def test_a_day_is_a_date_filter_too(simulator: Simulator, api: aiohttp.ClientSession) -> None:
    await simulator.text(ANN, OURS, "hi")
    day = simulator.messages()[0].created
    today = datetime.fromtimestamp(day, UTC).date()
    for query, count in (
        ({"DateSent": str(today)}, 1),
        ({"DateSent": str(today - timedelta(days=1))}, 0),
        ({"DateSent>": str(today)}, 1),
        ({"DateSent<": str(today + timedelta(days=1))}, 1),
        ({"DateSent<": str(today)}, 0),
    ):
        async with api.get("Messages.json", params=query) as response:
            assert len((await response.json())["messages"]) == count, query
    async with api.get("Messages.json", params={"DateSent": "yesterday"}) as response:
        assert response.status == 400


REFUSED = [
    ({"to": "", "from_": OURS, "body": "x"}, 21604),
    ({"to": "5550100001", "from_": OURS, "body": "x"}, 21211),
    ({"to": "+1asd", "from_": OURS, "body": "x"}, 21211),
    ({"to": ANN, "body": "x"}, 21603),
    ({"to": ANN, "from_": "+15559999999", "body": "x"}, 21606),
    ({"to": ANN, "from_": OURS}, 21602),
    ({"to": ANN, "from_": OURS, "body": "x" * 1601}, 21617),
    ({"to": ANN, "from_": OURS, "body": "😀" * 801}, 21617),
    ({"to": OURS, "from_": OURS, "body": "x"}, 21266),
    ({"to": ANN, "from_": OURS, "body": "x", "status_callback": "http://no_host/x"}, 21609),
    ({"to": ANN, "from_": OURS, "body": "x", "status_callback": "nonsense"}, 21609),
    ({"to": ANN, "from_": OURS, "body": "x", "validity_period": 36_001}, 21624),
    ({"to": ANN, "from_": OURS, "media_url": ["https://example.com/x"] * 11}, 21623),
    ({"to": ANN, "messaging_service_sid": "MG" + "0" * 32, "body": "x"}, 21701),
    ({"to": "+15005550001", "from_": OURS, "body": "x"}, 21211),
    ({"to": "+15005550002", "from_": OURS, "body": "x"}, 21612),
    ({"to": "+15005550003", "from_": OURS, "body": "x"}, 21408),
    ({"to": "+15005550004", "from_": OURS, "body": "x"}, 21610),
    ({"to": "+15005550009", "from_": OURS, "body": "x"}, 21614),
    ({"to": ANN, "from_": "+15005550001", "body": "x"}, 21212),
    ({"to": ANN, "from_": "+15005550008", "body": "x"}, 21611),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
async def test_a_message_that_twilio_would_refuse_raises_its_code(
    simulator: Simulator, client: Client, fields: dict[str, str], code: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(lambda: client.messages.create(**fields))
    assert (caught.value.status, caught.value.code) == (400, code)
    assert simulator.messages() == []


async def test_a_number_that_cannot_send_is_refused(simulator: Simulator, client: Client) -> None:
    simulator.add_number("+15550003333")
    simulator.change_number("+15550003333", NumberChange(sms_capable=False))
    with pytest.raises(TwilioRestException) as caught:
        await create(client, from_="+15550003333")
    assert caught.value.code == 21606


async def test_an_error_body_has_twilios_four_fields(api: aiohttp.ClientSession) -> None:
    async with api.post("Messages.json", data={"To": "+1asd", "From": OURS, "Body": "x"}) as response:
        assert await response.json() == {
            "code": 21211,
            "message": "The 'To' number +1asd is not a valid phone number.",
            "more_info": "https://www.twilio.com/docs/errors/21211",
            "status": 400,
        }


async def test_a_long_body_of_exactly_1600_passes_and_unknown_parameters_are_ignored(
    api: aiohttp.ClientSession,
) -> None:
    data = {"To": ANN, "From": OURS, "Body": "x" * 1600, "MaxPrice": "1", "Whatever": ""}
    async with api.post("Messages.json", data=data) as response:
        assert response.status == 201
        assert (await response.json())["num_segments"] == "11"


async def test_only_what_is_served_is_found(api: aiohttp.ClientSession) -> None:
    async with api.get("Nothing.json") as response:
        assert (response.status, (await response.json())["code"]) == (404, 20404)
    async with api.delete("Messages.json") as response:
        assert (response.status, (await response.json())["code"]) == (405, 20004)
    async with api.get("/nothing/of/this") as response:
        assert (response.status, (await response.json())["code"]) == (404, 20404)


async def test_a_senders_full_queue_refuses_more() -> None:
    settings = simulator_settings(segments_per_second=1.0, queue_seconds=1.5)
    async with (
        running(settings) as simulator,
        aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(simulator.account_sid, TOKEN)}
        ) as session,
    ):
        url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"
        answers = []
        for _ in range(4):
            async with session.post(url, data={"To": ANN, "From": OURS, "Body": "x"}) as response:
                answers.append((await response.json()).get("code"))
        assert answers == [None, None, 21611, 21611]


# Twilio's own client uses what aiohttp is about to remove.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")
async def test_the_asynchronous_client_creates_fetches_and_lists(simulator: Simulator) -> None:
    async with AsyncTwilioHttpClient() as http:
        client = Client(simulator.account_sid, TOKEN, http_client=http, environment={"NONE": "1"})
        client.api.base_url = simulator.api_url
        sids = [(await client.messages.create_async(to=ANN, from_=OURS, body="x")).sid for _ in range(3)]
        assert (await client.messages(str(sids[0])).fetch_async()).sid == sids[0]
        assert [message.sid for message in await client.messages.list_async(page_size=2)] == sids[::-1]
        with pytest.raises(TwilioRestException):
            await client.messages.create_async(to="", from_=OURS, body="x")


async def test_a_list_error_is_twilios_bare_exception(simulator: Simulator, connect: Callable[..., Client]) -> None:
    client = connect(simulator, secret="wrong")
    with pytest.raises(TwilioException) as caught:
        await asyncio.to_thread(client.messages.list)
    assert not isinstance(caught.value, TwilioRestException)


async def test_texts_that_came_in_are_found_by_number_and_time_newest_first(
    simulator: Simulator, client: Client
) -> None:
    simulator.add_fault("lose_inbound", count=None)
    sids = [(await simulator.text(who, OURS, "hi")).message.sid for who in (ANN, BEN, ANN)]
    await simulator.text(ANN, OTHER, "elsewhere")
    await create(client, ANN)
    for sid, minutes in zip(sids, (-10, 0, 0), strict=True):
        message = simulator.world.log.get(sid)
        assert message is not None
        message.sent = message.created + minutes * 60
    since = datetime.now(UTC) - timedelta(minutes=5)
    found = await asyncio.to_thread(lambda: client.messages.list(to=OURS, date_sent_after=since, page_size=1))
    assert [message.sid for message in found] == [sids[2], sids[1]]
    assert {(message.direction, message.status, message.to) for message in found} == {("inbound", "received", OURS)}
    assert [message.from_ for message in found] == [ANN, BEN]
