"""/v1/dead-letters: what did not reach its participant is shown, sent again or dropped, each by whose it is."""

import uuid
from typing import Any

import pytest

from parley.session.v1 import session_pb2
from parley_chassis.errors import FailedPrecondition
from tests.integration.gateway.api_peers import CANARY, OUR_NUMBER, THEIR_NUMBER, Message
from tests.integration.gateway.api_side import OUTBOUND, TEXT, Answer, SharedApi, ask

PATH = "/v1/dead-letters"
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def settle(shared: SharedApi, message_id: str, action: str, key: str = "") -> Answer:
    return await ask(shared.url, f"{PATH}/{message_id}/{action}", method="POST", key=key or shared.key)


async def test_a_dead_letter_is_shown_whole(shared: SharedApi) -> None:
    letter = shared.sessions.dead_letters.bury(
        text="hello",
        position=3,
        seq=2,
        direction=Message.DIRECTION_OUTBOUND,
        kind=Message.KIND_REPLY,
        delivery_state=session_pb2.DELIVERY_STATE_HELD,
        delivery_error=0,
    )
    answer = await ask(shared.url, PATH, key=shared.key)
    assert answer.status == 200
    assert answer.json == {
        "dead_letters": [
            {
                "message": {
                    "message_id": letter.message.message_id,
                    "session_id": letter.message.session_id,
                    "thread_id": "",
                    "position": 3,
                    "direction": "outbound",
                    "kind": "reply",
                    "text": "hello",
                    "media_urls": [],
                    "create_time": "2026-11-23T15:00:00Z",
                    "seq": 2,
                    "delivery_state": "held",
                    "delivery_error": None,
                    "ignore_reason": None,
                },
                "endpoint": OUR_NUMBER,
                "participant": THEIR_NUMBER,
                "agent": "shop",
            }
        ],
        "next_page_token": "",
    }


async def test_a_letter_is_sent_again_or_dropped(shared: SharedApi) -> None:
    letters = shared.sessions.dead_letters
    first, second = letters.bury().message.message_id, letters.bury().message.message_id
    answer = await settle(shared, first, "retry")
    assert (answer.status, set(answer.json)) == (202, {"message_id"})
    assert (await settle(shared, second, "drop")).status == 204
    assert (letters.retried, letters.dropped) == ([first], [second])


async def test_what_is_not_there_is_not_found(shared: SharedApi) -> None:
    for action in ("retry", "drop"):
        answer = await settle(shared, str(uuid.uuid4()), action)
        assert (answer.status, answer.detail) == (404, "no dead letter has this message_id")
        answer = await settle(shared, "x", action)
        assert (answer.status, answer.detail.partition(":")[0]) == (400, "message_id")


async def test_a_letter_of_another_agent_is_as_if_it_were_not_there(shared: SharedApi) -> None:
    letters = shared.sessions.dead_letters
    letter, bank = letters.bury("shop"), shared.sessions.keys.make(["bank"])
    for action in ("retry", "drop"):
        answer = await settle(shared, letter.message.message_id, action, bank)
        assert (answer.status, answer.detail) == (404, "no dead letter has this message_id")
    assert (letters.retried, letters.dropped) == ([], [])
    own = letters.bury("bank").message.message_id
    shown = (await ask(shared.url, PATH, key=bank)).json["dead_letters"]
    assert [one["message"]["message_id"] for one in shown] == [own]
    assert (await settle(shared, own, "retry", bank)).status == 202


async def test_a_retry_against_the_participants_wish_is_a_conflict(shared: SharedApi) -> None:
    letter = shared.sessions.dead_letters.bury()
    shared.sessions.dead_letters.refuses_with = FailedPrecondition(CANARY, reason="OPTED_OUT")
    answer = await settle(shared, letter.message.message_id, "retry")
    assert (answer.status, "opted out" in answer.detail) == (409, True)


@pytest.mark.parametrize(("given", "wanted"), [(None, False), (True, True), (False, False)])
async def test_a_text_may_be_sent_once_at_most(shared: SharedApi, given: Any, wanted: bool) -> None:
    more = {} if given is None else {"at_most_once": given}
    headers: dict[str, str | None] = {"X-TOKEN-ID": "shop"}
    assert (await ask(shared.url, OUTBOUND, TEXT | more, key=shared.key, headers=headers)).status == 202
    session = shared.sessions.open_session()
    path = f"/v1/sessions/{session.session_id}/messages"
    assert (await ask(shared.url, path, {"text": "x"} | more, key=shared.key)).status == 202
    asked = [one for one in shared.sessions.requests if hasattr(one, "at_most_once")]
    assert [one.at_most_once for one in asked] == [wanted, wanted]
