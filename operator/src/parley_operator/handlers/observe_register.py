"""Remembers for a moment what the session service's register shows."""

from __future__ import annotations

from parley_operator.domain.steps import Registration
from parley_operator.handlers.observe_account import Remembered
from parley_operator.ports import Register


class ObservedRegister:
    """`age` in seconds. What we change ourselves is noted."""

    def __init__(self, register: Register, age: float) -> None:
        self._register = register
        self._numbers = Remembered(self._list, age)

    async def _list(self) -> dict[str, Registration]:
        return {registration.phone_number: registration for registration in await self._register.list()}

    async def find(self, phone_number: str) -> Registration | None:
        return (await self._numbers.get()).get(phone_number)

    async def write(self, registration: Registration) -> None:
        written = await self._register.write(registration)
        if self._numbers.known is not None:
            self._numbers.known[written.phone_number] = written

    async def switch_sending(self, phone_number: str, *, sending: bool) -> bool:
        """Whether the number is known."""
        done = await self._register.switch_sending(phone_number, sending=sending)
        self._numbers.forget()
        return done

    async def delete(self, phone_number: str) -> None:
        await self._register.delete(phone_number)
        if self._numbers.known is not None:
            self._numbers.known.pop(phone_number, None)
