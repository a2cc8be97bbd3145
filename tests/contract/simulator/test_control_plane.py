"""The control plane over HTTP: the log, waiting, numbers, faults, holds, and clear errors."""

import asyncio
from typing import Any

import aiohttp
import pytest

from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, Control
from tests.contract.simulator.receiver import Answer, Receiver

ANN, BEN = "+15550100001", "+15550100002"


async def get(control: Control, path: str, **query: str) -> dict[str, Any]:
    async with control.get(path, params=query) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def post(control: Control, path: str, fields: dict[str, Any], expected: int = 201) -> dict[str, Any]:
    async with control.post(path, json=fields) as response:
        assert response.status == expected, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def send(api: aiohttp.ClientSession, to: str = ANN, body: str = "hello") -> int:
    async with api.post("Messages.json", data={"To": to, "From": OURS, "Body": body}) as response:
        return response.status


async def test_a_text_is_brought_to_the_webhook(wired: Simulator, control: Control, receiver: Receiver) -> None:
    sent = await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "hi"})
    assert (sent["outcome"], sent["direction"], sent["body"]) == ("delivered", "inbound", "hi")
    assert receiver.requests[0].fields["MessageSid"] == sent["sid"]
    assert len(wired.messages()) == 1


async def test_a_text_can_be_left_under_way(wired: Simulator, control: Control, receiver: Receiver) -> None:
    sent = await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "hi", "wait": False})
    assert sent["outcome"] == "under_way"
    await receiver.wait(1)
    assert len(wired.messages()) == 1


async def test_a_text_may_have_media(control: Control) -> None:
    media = [{"url": "https://example.com/a.jpg", "content_type": "image/jpeg"}]
    sent = await post(control, "/inbound", {"from": ANN, "to": OURS, "media": media})
    assert (sent["outcome"], sent["media"]) == ("no_url", media)


async def test_the_log_keeps_the_order_of_acceptance(control: Control, api: aiohttp.ClientSession) -> None:
    await send(api, ANN, "one")
    await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "two"})
    await send(api, BEN, "three")

    async def bodies(**query: str) -> list[str]:
        return [message["body"] for message in (await get(control, "/messages", **query))["messages"]]

    assert await bodies() == ["one", "two", "three"]
    assert await bodies(participant=ANN) == ["one", "two"]
    assert await bodies(participant=ANN, direction="outbound") == ["one"]
    assert await bodies(direction="inbound", number=OURS) == ["two"]
    messages = (await get(control, "/messages"))["messages"]
    assert [message["index"] for message in messages] == [1, 2, 3]
    assert await bodies(after="2") == ["three"]
    assert messages[0].keys() >= {"sid", "direction", "from", "to", "body", "status", "created", "error_code"}


async def test_a_wait_ends_when_the_messages_are_there(control: Control, api: aiohttp.ClientSession) -> None:
    waiting = asyncio.create_task(get(control, "/wait", participant=ANN, count="2", timeout="5"))
    await send(api, ANN, "one")
    await send(api, BEN, "other")
    await send(api, ANN, "two")
    answer = await waiting
    assert answer["satisfied"] is True
    assert [message["body"] for message in answer["messages"]] == ["one", "two"]


async def test_a_wait_in_vain_says_so_and_shows_what_there_is(control: Control, api: aiohttp.ClientSession) -> None:
    await send(api, ANN, "one")
    answer = await get(control, "/wait", participant=ANN, count="2", timeout="0.05")
    assert (answer["satisfied"], len(answer["messages"])) == (False, 1)


async def test_a_wait_does_not_count_twilios_own_answers(control: Control) -> None:
    await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "STOP"})
    assert (await get(control, "/wait", participant=ANN, timeout="0"))["satisfied"] is False
    assert (await get(control, "/wait", participant=ANN, automatic="true", timeout="1"))["satisfied"] is True
    assert len((await get(control, "/messages", participant=ANN, direction="outbound"))["messages"]) == 1


async def test_a_wait_may_be_for_a_status(control: Control, api: aiohttp.ClientSession) -> None:
    await send(api, ANN)
    answer = await get(control, "/wait", participant=ANN, status="delivered", timeout="5")
    assert answer["satisfied"] is True


async def test_numbers_are_added_and_kept_by_their_sid(
    control: Control, simulator: Simulator, receiver: Receiver
) -> None:
    before = {number["phone_number"]: number["sid"] for number in (await get(control, "/numbers"))["numbers"]}
    assert set(before) == {OURS, OTHER}
    changed = await post(control, "/numbers", {"phone_number": OURS, "sms_url": receiver.url()})
    assert (changed["sid"], changed["sms_url"]) == (before[OURS], receiver.url())
    await post(control, "/numbers", {"phone_number": "+15550003333"})
    assert len(list(simulator.world.numbers)) == 3


async def test_requests_webhooks_and_alerts_are_shown(
    wired: Simulator, control: Control, api: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await send(api)
    await send(api, "nobody")
    receiver.answers = [Answer(status=500)]
    sent = await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "hi"})
    assert sent["outcome"] == "lost"
    assert (await get(control, "/requests"))["requests"] == {"messages.create": {"201": 1, "400": 1}}
    assert (await get(control, "/webhooks"))["webhooks"] == [
        {"kind": "inbound", "sid": sent["sid"], "about": "", "attempts": ["500"], "delivered": False}
    ]
    (alert,) = (await get(control, "/alerts"))["alerts"]
    assert (alert["code"], alert["sid"]) == (11200, sent["sid"])
    assert len(wired.alerts()) == 1


async def test_faults_are_set_shown_and_cleared(control: Control, api: aiohttp.ClientSession) -> None:
    fault = await post(control, "/faults", {"kind": "error", "status": 500, "participant": ANN})
    assert (fault["count"], fault["status"], fault["accepted"]) == (1, 500, False)
    assert await send(api) == 500
    (shown,) = (await get(control, "/faults"))["faults"]
    assert (shown["id"], shown["count"], shown["strikes"]) == (fault["id"], 0, 1)
    by_chance = await post(control, "/faults", {"kind": "rate_limit", "probability": 1})
    assert by_chance["count"] is None
    assert [await send(api) for _ in range(3)] == [429] * 3
    async with control.delete(f"/faults/{by_chance['id']}") as response:
        assert response.status == 204
    assert await send(api) == 201
    async with control.delete("/faults") as response:
        assert response.status == 204
    assert (await get(control, "/faults"))["faults"] == []


async def test_a_cut_is_after_acceptance_unless_told_otherwise(control: Control) -> None:
    assert (await post(control, "/faults", {"kind": "cut"}))["accepted"] is True
    assert (await post(control, "/faults", {"kind": "cut", "accepted": False}))["accepted"] is False


async def test_a_hold_is_placed_seen_and_released(control: Control, api: aiohttp.ClientSession) -> None:
    hold = await post(control, "/holds", {"participant": ANN, "accepted": True})
    path = f"/holds/{hold['id']}"
    assert (await get(control, path, held="1", timeout="0.05"))["satisfied"] is False
    answer = asyncio.create_task(send(api))
    seen = await get(control, path, held="1", timeout="5")
    (message,) = (await get(control, "/messages"))["messages"]
    assert seen["satisfied"] is True
    assert seen["held"] == [{"operation": "messages.create", "parties": [ANN, OURS], "sid": message["sid"]}]
    assert await post(control, f"{path}/release", {"then": "continue"}, 200) == {"released": 1}
    assert await answer == 201
    assert len((await get(control, "/holds"))["holds"]) == 1
    async with control.delete(path) as response:
        assert response.status == 204
    assert (await get(control, "/holds"))["holds"] == []


async def test_removing_a_hold_lets_go(control: Control, api: aiohttp.ClientSession) -> None:
    hold = await post(control, "/holds", {"count": 0})
    answers = [asyncio.create_task(send(api)) for _ in range(2)]
    await get(control, f"/holds/{hold['id']}", held="2", timeout="5")
    async with control.delete(f"/holds/{hold['id']}") as response:
        assert response.status == 204
    assert [await answer for answer in answers] == [201, 201]


async def test_a_message_is_moved_by_hand(control: Control, api: aiohttp.ClientSession) -> None:
    await post(control, "/faults", {"kind": "stall"})
    await send(api)
    (message,) = (await get(control, "/messages"))["messages"]
    assert message["status"] == "queued"
    moved = await post(control, f"/messages/{message['sid']}", {"status": "undelivered", "error_code": 30003}, 200)
    assert (moved["status"], moved["error_code"]) == ("undelivered", 30003)


async def test_limits_are_shown_and_changed(control: Control, simulator: Simulator) -> None:
    assert await get(control, "/limits") == {
        "concurrency": 0,
        "segments_per_second": 0.0,
        "queue_seconds": 36_000.0,
        "pool": 400,
    }
    changed = await post(control, "/limits", {"concurrency": 5, "segments_per_second": 2.5}, 200)
    assert (changed["concurrency"], changed["segments_per_second"]) == (5, 2.5)
    assert simulator.world.limits.concurrency == 5


async def test_a_reset_forgets_messages_and_faults_and_keeps_numbers(
    control: Control, api: aiohttp.ClientSession
) -> None:
    await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "STOP"})
    await post(control, "/faults", {"kind": "error"})
    async with control.post("/reset") as response:
        assert response.status == 204
    assert (await get(control, "/messages"))["messages"] == []
    assert await send(api) == 201
    assert len((await get(control, "/numbers"))["numbers"]) == 2
    assert (await get(control, "/health"))["messages"] == 1


async def test_webhooks_are_lost_until_the_fault_is_removed_and_called_in_any_order_after_that(
    wired: Simulator, control: Control, receiver: Receiver
) -> None:
    fault = await post(control, "/faults", {"kind": "lose_inbound", "count": 0})
    lost = [
        await post(control, "/inbound", {"from": ANN, "to": OURS, "body": body}) for body in ("STOP", "START", "hi")
    ]
    assert [text["outcome"] for text in lost] == ["lost"] * 3
    assert receiver.requests == []
    async with control.delete(f"/faults/{fault['id']}") as response:
        assert response.status == 204
    again = [await post(control, f"/inbound/{text['sid']}", {}, 200) for text in reversed(lost)]
    assert [text["outcome"] for text in again] == ["delivered"] * 3
    assert [request.fields["MessageSid"] for request in receiver.requests] == [text["sid"] for text in reversed(lost)]
    assert len([message for message in wired.messages() if not message.outbound]) == 3


async def test_a_text_that_was_sent_is_not_called_in(wired: Simulator, control: Control) -> None:
    await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "HELP"})
    (answer,) = wired.outbox(ANN, automatic=True)
    await post(control, f"/inbound/{answer.sid}", {}, 400)


async def test_a_services_pool_and_keywords_are_set(wired: Simulator, control: Control, receiver: Receiver) -> None:
    words = {"stop": ["arret"], "start": ["encore"]}
    made = await post(control, "/services", {"friendly_name": "desk", "numbers": [OURS], "advanced_opt_out": words})
    assert (made["numbers"], made["use_inbound_webhook_on_number"], made["sticky_sender"]) == ([OURS], True, True)
    assert made["advanced_opt_out"]["ARRET"] == "STOP"
    await post(control, f"/services/{made['sid']}", {"numbers": [OTHER, OURS], "sticky_sender": False}, 200)
    (shown,) = (await get(control, "/services"))["services"]
    assert (shown["sid"], shown["numbers"], shown["sticky_sender"]) == (made["sid"], [OURS, OTHER], False)
    sent = await post(control, "/inbound", {"from": ANN, "to": OURS, "body": "Arret"})
    assert (sent["messaging_service_sid"], sent["opt_out_type"]) == (made["sid"], "STOP")
    assert receiver.requests[0].fields["OptOutType"] == "STOP"
    assert (await get(control, "/opt-outs"))["opt_outs"] == [{"sender": made["sid"], "participant": ANN}]


async def test_a_number_is_in_one_service_only(control: Control) -> None:
    first = await post(control, "/services", {"numbers": [OURS]})
    await post(control, "/services", {"numbers": [OTHER, OURS]}, 400)
    assert [service["sid"] for service in (await get(control, "/services"))["services"]] == [first["sid"]]
    await post(control, f"/services/{first['sid']}", {"numbers": []}, 200)
    await post(control, "/services", {"numbers": [OTHER, OURS]})


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/inbound", {"to": OURS}, "from"),
        ("/inbound", {"from": ANN, "to": "+15557654321"}, "to"),
        ("/inbound", {"from": "ann", "to": OURS}, "from"),
        ("/inbound", {"from": ANN, "to": OURS, "body": 7}, "body"),
        ("/inbound", {"from": ANN, "to": OURS, "body": "\ud83d"}, "body"),
        ("/inbound", {"from": ANN, "to": OURS, "text": "hi"}, "text"),
        ("/inbound", {"from": ANN, "to": OURS, "media": [{"url": "x"}]}, "media"),
        ("/inbound", {"from": ANN, "to": OURS, "wait": "perhaps"}, "wait"),
        ("/numbers", {"phone_number": "123"}, "phone_number"),
        ("/numbers", {"phone_number": ANN, "sms_url": "x"}, "sms_url"),
        ("/faults", {}, "kind"),
        ("/faults", {"kind": "fire"}, "kind"),
        ("/faults", {"kind": "error", "status": 200}, "status"),
        ("/faults", {"kind": "cut", "probability": 2}, "probability"),
        ("/faults", {"kind": "cut", "count": -1}, "count"),
        ("/faults", {"kind": "cut", "count": True}, "count"),
        ("/faults", {"kind": "lose_callback", "message_status": "queued"}, "message_status"),
        ("/holds/77/release", {}, "id"),
        ("/messages/SM0", {"status": "sent"}, "sid"),
        ("/limits", {"concurrency": "many"}, "concurrency"),
        ("/inbound/SM0", {}, "sid"),
        ("/opt-outs", {}, "late"),
        ("/services/MG0", {}, "sid"),
        ("/services", {"numbers": [ANN]}, "numbers"),
        ("/services", {"numbers": "x"}, "numbers"),
        ("/services", {"inbound_request_url": "x"}, "inbound_request_url"),
        ("/services", {"advanced_opt_out": {"stopp": []}}, "advanced_opt_out"),
        ("/services", {"advanced_opt_out": {"stop": "arret"}}, "advanced_opt_out.stop"),
        ("/services", {"colour": "red"}, "colour"),
    ],
)
async def test_bad_input_names_the_field(control: Control, path: str, body: dict[str, object], field: str) -> None:
    async with control.post(path, json=body) as response:
        assert response.status == 400
        assert (await response.json())["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize("body", ["{", "[]", '"x"'])
async def test_a_body_that_is_no_object_is_refused(control: Control, body: str) -> None:
    async with control.post("/inbound", data=body) as response:
        assert response.status == 400
        assert (await response.json())["detail"].startswith("body: ")


async def test_bad_queries_name_the_field(control: Control) -> None:
    for query, field in (({"count": "x"}, "count"), ({"direction": "up"}, "direction"), ({"who": "me"}, "who")):
        async with control.get("/wait", params=query) as response:
            assert response.status == 400
            assert (await response.json())["detail"].startswith(f"{field}: ")
