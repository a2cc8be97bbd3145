"""What the notifier is given: opt-outs ahead of messages, and with each message what its participant had said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from parley_chassis.errors import Unavailable
from parley_session.errors import SubmitRefused
from parley_session.handlers.hand_over import HandOverBatch
from parley_session.ports import OptOutNotice, Submission

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
START = OptOutNotice("+15550100", "+15550111", False, NOON)


class Notifier:
    def __init__(self, *, away: bool = False, refuses: bool = False) -> None:
        self.away = away
        self.refuses = refuses
        self.given: list[tuple[list[str], list[OptOutNotice]]] = []

    async def submit(self, submissions: Sequence[Submission], opt_outs: Sequence[OptOutNotice]) -> None:
        if self.away:
            raise Unavailable("away")
        if self.refuses:
            raise SubmitRefused("a field does not parse")
        self.given.append(([submission.message_id for submission in submissions], list(opt_outs)))


class Register:
    """The one thing of the store that a hand-over uses."""

    def __init__(self) -> None:
        self.finished: list[OptOutNotice] = []

    async def finish_opt_outs(self, notices: Sequence[OptOutNotice]) -> None:
        self.finished += notices


def text(message_id: str, said: OptOutNotice | None = None) -> Submission:
    return Submission(message_id, "thread", 1, "+15550100", "+15550111", "hello", said=said)


async def test_a_text_goes_with_the_start_before_it_even_if_that_is_still_on_its_way() -> None:
    notifier, register = Notifier(), Register()
    await HandOverBatch(notifier, register)([text("m1", START), text("m2", START)])  # type: ignore[arg-type]
    assert notifier.given == [(["m1", "m2"], [START])]
    assert register.finished == [START]


async def test_what_is_in_a_batch_twice_is_said_once() -> None:
    notifier = Notifier()
    await HandOverBatch(notifier, Register())([START, text("m1", START)])  # type: ignore[arg-type]
    assert notifier.given == [(["m1"], [START])]


@pytest.mark.parametrize(("items", "told"), [([text("m1")], [["m1"]]), ([text("m1"), text("m2")], [])])
async def test_a_message_that_is_refused_alone_is_told(
    items: list[Submission], told: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Several are tried in parts first."""
    with pytest.raises(SubmitRefused):
        await HandOverBatch(Notifier(refuses=True), Register())(items)  # type: ignore[arg-type]
    assert [record.message_ids for record in caplog.records] == told  # type: ignore[attr-defined]


async def test_an_opt_out_that_was_not_taken_is_not_finished() -> None:
    register = Register()
    with pytest.raises(Unavailable):
        await HandOverBatch(Notifier(away=True), register)([START])  # type: ignore[arg-type]
    assert register.finished == []
