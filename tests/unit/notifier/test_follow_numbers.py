"""Following the register of numbers: what is asked for, and that nothing it says is passed over."""

from collections.abc import Collection, Sequence

import pytest

from parley_chassis.errors import Unavailable
from parley_notifier.handlers import follow_numbers
from parley_notifier.handlers.follow_numbers import OVERLAP, STEP, WOKEN, FollowNumbers
from parley_notifier.ports import NumberPage, Registered


class Register:
    """Answers with the pages that it was given, then with empty ones."""

    def __init__(self) -> None:
        self.pages: list[NumberPage | Exception] = []
        self.asked: list[tuple[float | None, str]] = []

    async def list_numbers(self, since: float | None, page: str) -> NumberPage:
        self.asked.append((since, page))
        answer = self.pages.pop(0) if self.pages else NumberPage([], "")
        if isinstance(answer, Exception):
            raise answer
        return answer


class Store:
    def __init__(self) -> None:
        self.stored: list[Registered] = []
        self.woken: list[int] = []

    async def store_senders(self, numbers: Sequence[Registered]) -> None:
        self.stored += numbers

    async def wake_senders(self, limit: int) -> int:
        return self.woken.pop(0) if self.woken else 0

    async def pause_senders(self, numbers: Collection[str], seconds: float) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(follow_numbers, "time", made)
    return made


def number(at: float, name: str = "+1") -> Registered:
    return Registered(name, sending_paused=False, segments_per_second=0.0, update_time=at)


async def test_a_change_is_asked_for_again_while_an_earlier_one_may_be_committed_behind_it(clock: Clock) -> None:
    register, store = Register(), Store()
    follow = FollowNumbers(register, store)
    register.pages = [NumberPage([number(500.0)], "")]
    await follow()
    await follow()
    clock.now = OVERLAP + 1
    await follow()
    assert [since for since, _ in register.asked] == [None, 500.0 - OVERLAP, 500.0 + STEP]


async def test_what_was_read_in_part_is_read_again(clock: Clock) -> None:
    register, store = Register(), Store()
    follow = FollowNumbers(register, store)
    register.pages = [NumberPage([number(500.0)], "+1"), Unavailable("not now"), NumberPage([number(400.0, "+2")], "")]
    await follow()
    await follow()
    assert register.asked == [(None, ""), (None, "+1"), (None, "")]
    assert [item.update_time for item in store.stored] == [500.0, 400.0]


async def test_lanes_are_woken_also_while_the_register_does_not_answer(clock: Clock) -> None:
    register, store = Register(), Store()
    register.pages = [Unavailable("not now")]
    store.woken = [WOKEN]
    assert await FollowNumbers(register, store)()
    assert store.woken == []
